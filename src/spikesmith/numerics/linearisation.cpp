#include "spikesmith/numerics/linearisation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {
namespace {

ValueId reciprocal(ProgramBuilder& b, ValueId x) {
    return b.apply(Op::divide, b.number(1), x);
}

ValueId square(ProgramBuilder& b, ValueId x) {
    return b.multiply(x, x);
}

ValueId one_minus_square(ProgramBuilder& b, ValueId x) {
    return b.subtract(b.number(1), square(b, x));
}

// d (a/b) / db = -(a/b)/b; of a constant by a value without another division.
ValueId negative_quotient_slope(ProgramBuilder& b, ValueId quotient, ValueId numerator, ValueId denominator) {
    if (b.is_number(numerator)) {
        const double factor = 1 / b.at(numerator).number;
        if (std::isnormal(factor)) return b.multiply(b.multiply(b.number(factor), quotient), quotient);
    }
    return b.multiply(quotient, reciprocal(b, denominator));
}

// d x**e / dx = e*x**(e - 1), by the power that is known where the exponent is a number.
ValueId power_slope(ProgramBuilder& b, ValueId power, ValueId x, ValueId exponent) {
    if (!b.is_number(exponent)) return b.multiply(exponent, b.apply(Op::power, x, b.subtract(exponent, b.number(1))));
    const double e = b.at(exponent).number;
    const ValueId at_zero = b.number(e > 1 ? 0 : std::numeric_limits<double>::infinity());
    const ValueId elsewhere = b.multiply(exponent, b.apply(Op::divide, power, x));
    return b.select(b.apply(Op::equal, x, b.number(0)), at_zero, elsewhere);
}

ValueId as_value(ProgramBuilder& b, const Mask& mask) {
    return mask.negated ? b.apply(Op::logical_not, mask.condition) : mask.condition;
}

// `value` where the mask holds, 0 elsewhere.
ValueId masked(ProgramBuilder& b, const Mask& mask, ValueId value) {
    if (mask.always()) return value;
    const ValueId zero = b.number(0);
    return mask.negated ? b.select(mask.condition, zero, value) : b.select(mask.condition, value, zero);
}

Mask both(ProgramBuilder& b, const Mask& first, const Mask& second) {
    if (first.always() || first == second) return second;
    if (second.always()) return first;
    return {.condition = b.logical_and(as_value(b, first), as_value(b, second))};
}

// Factor times coefficient.
Weight weight_of(const ProgramBuilder& b, ValueId factor, double coefficient = 1) {
    Weight weight{.coefficient = coefficient, .factor = factor};
    while (weight.factor != no_value) {
        const Instruction& i = b.at(weight.factor);
        if (i.source != Source::operation || i.stage == Stage::parameter) break;  // computed once: as it is
        double number = 1;
        ValueId rest = no_value;
        if (i.op == Op::number) {
            number = i.number;
        } else if (i.op == Op::negate) {
            number = -1;
            rest = i.args[0];
        } else if (i.op == Op::multiply && (b.is_number(i.args[0]) || b.is_number(i.args[1]))) {
            const std::size_t k = b.is_number(i.args[0]) ? 0 : 1;
            number = b.at(i.args[k]).number;
            rest = i.args[1 - k];
        } else {
            break;
        }
        if (!std::isnormal(number) || !std::isnormal(weight.coefficient * number)) break;
        weight = {.coefficient = weight.coefficient * number, .factor = rest};
    }
    return weight;
}

// Coefficient times factor; its negative of a weight that is `subtracted`: so no constant is needed for a mere sign.
bool subtracted(const Weight& weight) {
    return weight.coefficient == -1;
}
ValueId unsigned_factor(ProgramBuilder& b, const Weight& weight) {
    const ValueId number = b.number(subtracted(weight) ? 1 : weight.coefficient);
    return weight.factor == no_value ? number : b.multiply(number, weight.factor);
}

ValueId factor_of(ProgramBuilder& b, const Weight& weight) {
    const ValueId factor = unsigned_factor(b, weight);
    return subtracted(weight) ? b.apply(Op::negate, factor) : factor;
}

}  // namespace

bool has_derivative(const Instruction& i, std::size_t argument) {
    if (i.type == ProgramType::boolean) return false;
    if (i.source == Source::fused) return true;
    if (i.source != Source::operation) return false;
    switch (i.op) {
        case Op::number:
        case Op::symbol:
        case Op::floor_divide:
        case Op::floor:
        case Op::ceil:
        case Op::truncate:
        case Op::sign:
        case Op::uniform:
        case Op::normal:
        case Op::poisson:
            return false;
        case Op::select:
            return argument > 0;
        case Op::exp_given:
        case Op::x_over_expm1_given:  // the others follow from the first
            return argument == 0;
        case Op::exprel_slope:
        case Op::exprel_near_0_slope:
        case Op::x_over_expm1_slope:
            throw NumericalError("programs with tangents have no further derivatives");
        default:
            return true;
    }
}

Weight partial_derivative(ProgramBuilder& b, ValueId value, std::size_t k) {
    const Instruction i = b.at(value);
    const auto x = i.args;
    const auto factor = [&](ValueId f) { return weight_of(b, f); };
    const auto minus = [&](ValueId f) { return weight_of(b, f, -1); };
    const Weight one{};
    if (i.source == Source::fused) return k == 2 ? one : factor(x[1 - k]);
    switch (i.op) {
        case Op::add:
            return one;
        case Op::subtract:
            return {.coefficient = k == 1 ? -1.0 : 1.0};
        case Op::multiply:
            return factor(x[1 - k]);
        case Op::divide:
            return k == 0 ? factor(reciprocal(b, x[1])) : minus(negative_quotient_slope(b, value, x[0], x[1]));
        case Op::negate:
            return {.coefficient = -1};
        case Op::power: {
            if (k == 0) return factor(power_slope(b, value, x[0], x[1]));
            const ValueId slope = b.multiply(value, b.apply(Op::log, x[0]));
            return factor(b.select(b.apply(Op::equal, x[0], b.number(0)), b.number(0), slope));
        }
        case Op::modulo:
            return k == 0 ? one : minus(b.apply(Op::floor_divide, x[0], x[1]));
        case Op::select:
            return {.mask = {.condition = x[0], .negated = k == 2}};
        case Op::exp:
        case Op::exp_given:
            return factor(value);
        case Op::expm1:
            return factor(b.add(value, b.number(1)));
        case Op::exprel:
            return factor(b.apply(Op::exprel_slope, x[0]));
        case Op::exprel_near_0:
            return factor(b.apply(Op::exprel_near_0_slope, x[0]));
        case Op::x_over_expm1:
        case Op::x_over_expm1_given:
            return factor(b.apply(Op::x_over_expm1_slope, x[0], value));
        case Op::log:
            return factor(reciprocal(b, x[0]));
        case Op::log10:
            return factor(b.apply(Op::divide, b.number(1 / std::log(10.0)), x[0]));
        case Op::log1p:
            return factor(reciprocal(b, b.add(x[0], b.number(1))));
        case Op::sqrt:
            return factor(b.apply(Op::divide, b.number(0.5), value));
        case Op::sin:
            return factor(b.apply(Op::cos, x[0]));
        case Op::cos:
            return minus(b.apply(Op::sin, x[0]));
        case Op::tan:
            return factor(b.add(square(b, value), b.number(1)));
        case Op::sinh:
            return factor(b.apply(Op::cosh, x[0]));
        case Op::cosh:
            return factor(b.apply(Op::sinh, x[0]));
        case Op::tanh:
            return factor(one_minus_square(b, value));
        case Op::arcsin:
            return factor(reciprocal(b, b.apply(Op::sqrt, one_minus_square(b, x[0]))));
        case Op::arccos:
            return minus(reciprocal(b, b.apply(Op::sqrt, one_minus_square(b, x[0]))));
        case Op::arctan:
            return factor(reciprocal(b, b.add(square(b, x[0]), b.number(1))));
        case Op::arcsinh:
            return factor(reciprocal(b, b.apply(Op::sqrt, b.add(square(b, x[0]), b.number(1)))));
        case Op::arccosh:
            return factor(reciprocal(b, b.apply(Op::sqrt, b.subtract(square(b, x[0]), b.number(1)))));
        case Op::arctanh:
            return factor(reciprocal(b, one_minus_square(b, x[0])));
        case Op::arctan2: {
            const ValueId r = reciprocal(b, b.add(square(b, x[0]), square(b, x[1])));
            return k == 0 ? factor(b.multiply(x[1], r)) : minus(b.multiply(x[0], r));
        }
        case Op::abs:
            return factor(b.apply(Op::sign, x[0]));
        case Op::minimum:
            return {.mask = {.condition = b.apply(Op::less, x[0], x[1]), .negated = k == 1}};
        case Op::maximum:
            return {.mask = {.condition = b.apply(Op::less, x[1], x[0]), .negated = k == 1}};
        default:
            break;
    }
    throw NumericalError(fmt::format("`{}` has no derivative", op_name(i.op)));
}

Weight product(ProgramBuilder& b, const Weight& outer, const Weight& inner) {
    Weight result{.mask = both(b, outer.mask, inner.mask), .coefficient = outer.coefficient * inner.coefficient};
    if (!std::isnormal(result.coefficient)) {
        result.coefficient = 1;
        result.factor = b.multiply(factor_of(b, outer), factor_of(b, inner));
    } else if (outer.factor == no_value || inner.factor == no_value) {
        result.factor = outer.factor == no_value ? inner.factor : outer.factor;
    } else {
        result.factor = b.multiply(outer.factor, inner.factor);
    }
    return result;
}

Weight sum(ProgramBuilder& b, const Weight& first, const Weight& second) {
    if (first.mask == second.mask) {
        const double total = first.coefficient + second.coefficient;
        if (first.factor == second.factor && std::isnormal(total))
            return {.mask = first.mask, .coefficient = total, .factor = first.factor};
        const ValueId x = unsigned_factor(b, first), y = unsigned_factor(b, second);
        if (subtracted(first) == subtracted(second))
            return {.mask = first.mask, .coefficient = subtracted(first) ? -1.0 : 1.0, .factor = b.add(x, y)};
        return {.mask = first.mask, .factor = subtracted(first) ? b.subtract(y, x) : b.subtract(x, y)};
    }
    const ValueId x = factor_of(b, first), y = factor_of(b, second);
    if (first.mask.excludes(second.mask))
        return {.factor =
                    first.mask.negated ? b.select(first.mask.condition, y, x) : b.select(first.mask.condition, x, y)};
    return {.factor = b.add(masked(b, first.mask, x), masked(b, second.mask, y))};
}

ValueId weighted_sum(ProgramBuilder& b, const std::vector<WeightedValue>& terms) {
    // one sum for each mask, so that each costs one selection
    std::vector<std::pair<Mask, std::vector<ProgramBuilder::Term>>> groups;
    for (const auto& [weight, value] : terms) {
        auto it = std::find_if(groups.begin(), groups.end(), [&](const auto& g) { return g.first == weight.mask; });
        if (it == groups.end()) it = groups.insert(it, {weight.mask, {}});
        it->second.push_back({b.multiply(unsigned_factor(b, weight), value), subtracted(weight)});
    }
    std::vector<ProgramBuilder::Term> total;
    for (std::size_t g = 0; g < groups.size(); ++g) {
        const Mask mask = groups[g].first;
        if (mask.always()) {
            total.insert(total.end(), groups[g].second.begin(), groups[g].second.end());
            continue;
        }
        const auto other = std::find_if(groups.begin(), groups.end(),
                                        [&](const auto& candidate) { return candidate.first.excludes(mask); });
        if (other == groups.end()) {
            total.push_back({masked(b, mask, b.sum(groups[g].second))});
        } else if (!mask.negated) {
            total.push_back({b.select(mask.condition, b.sum(groups[g].second), b.sum(other->second))});
        }
    }
    return b.sum(total);
}

LinearisedGraph::LinearisedGraph(ProgramBuilder& builder, const std::vector<bool>& active)
    : builder_(builder), into_(active.size()), out_of_(active.size()) {
    for (std::size_t v = 0; v < active.size(); ++v) {
        if (!active[v]) continue;
        const auto id = static_cast<ValueId>(v);
        vertices_.push_back(id);
        const Instruction instruction = builder.at(id);
        if (instruction.source != Source::operation && instruction.source != Source::fused) continue;
        for (std::size_t k = 0; k < instruction.args.size(); ++k) {
            const ValueId a = instruction.args[k];
            if (a == no_value || !active[static_cast<std::size_t>(a)] || !has_derivative(instruction, k)) continue;
            const Weight weight = partial_derivative(builder, id, k);
            const auto [it, fresh] = into_[v].emplace(a, weight);
            if (!fresh) it->second = sum(builder, it->second, weight);
            out_of_[static_cast<std::size_t>(a)][id] = it->second;
        }
    }
}

// Operations saved in every step: those of the tangents through the vertex, less the products that replace them. What changes once per
// parameter set or less often is free.
int LinearisedGraph::saving(ValueId v, const std::vector<int>& directions) const {
    const auto& before = into(v);
    const auto& after = out_of(v);
    const auto carried = [&](ValueId from) { return directions[static_cast<std::size_t>(from)]; };
    const auto rare = [&](const Weight& w) {
        const auto is_rare = [&](ValueId x) { return x == no_value || builder_.stage(x) <= Stage::parameter; };
        return is_rare(w.factor) && is_rare(w.mask.condition);
    };
    int saved = carried(v) * static_cast<int>(after.size());
    for (const auto& [from, inner] : before) {
        saved += carried(from);
        for (const auto& [to, outer] : after) {
            if (!inner.is_number() && !outer.is_number() && !(rare(inner) && rare(outer))) saved -= 1;
            if (!out_of(from).contains(to)) saved -= carried(from);
        }
    }
    return saved;
}

void LinearisedGraph::remove(ValueId v) {
    const auto place = static_cast<std::size_t>(v);
    for (const auto& [from, inner] : into_[place]) {
        for (const auto& [to, outer] : out_of_[place]) {
            const Weight path = product(builder_, outer, inner);
            auto& edges = into_[static_cast<std::size_t>(to)];
            const auto [it, fresh] = edges.emplace(from, path);
            if (!fresh) it->second = sum(builder_, it->second, path);
            out_of_[static_cast<std::size_t>(from)][to] = it->second;
        }
    }
    for (const auto& [from, weight] : into_[place]) out_of_[static_cast<std::size_t>(from)].erase(v);
    for (const auto& [to, weight] : out_of_[place]) into_[static_cast<std::size_t>(to)].erase(v);
    into_[place].clear();
    out_of_[place].clear();
}

void LinearisedGraph::eliminate(const std::vector<bool>& kept, const std::vector<int>& directions) {
    std::map<ValueId, int> candidates;  // -> saving
    for (const ValueId v : vertices_) {
        if (!kept[static_cast<std::size_t>(v)]) candidates[v] = saving(v, directions);
    }
    std::set<ValueId> removed;
    while (!candidates.empty()) {
        const auto best = std::max_element(candidates.begin(), candidates.end(),
                                           [](const auto& a, const auto& b) { return a.second < b.second; });
        if (best->second < 0) break;
        const ValueId v = best->first;
        std::set<ValueId> changed;
        for (const auto& [from, weight] : into(v)) {
            changed.insert(from);
            for (const auto& [to, other] : out_of(from)) changed.insert(to);
        }
        for (const auto& [to, weight] : out_of(v)) {
            changed.insert(to);
            for (const auto& [from, other] : into(to)) changed.insert(from);
        }
        remove(v);
        candidates.erase(best);
        removed.insert(v);
        for (const ValueId c : changed) {
            if (const auto it = candidates.find(c); it != candidates.end()) it->second = saving(c, directions);
        }
    }
    std::erase_if(vertices_, [&](ValueId v) { return removed.contains(v); });
}

}  // namespace spikesmith
