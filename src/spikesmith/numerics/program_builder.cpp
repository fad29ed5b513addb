#include "spikesmith/numerics/program_builder.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "spikesmith/symbolic/scalar.hpp"

namespace spikesmith {
namespace {

bool same(const Instruction& a, const Instruction& b) {
    return a.source == b.source && a.op == b.op && a.type == b.type && a.args == b.args && a.index == b.index &&
           std::bit_cast<std::uint64_t>(a.number) == std::bit_cast<std::uint64_t>(b.number);
}

std::size_t hash_of(const Instruction& i) {
    std::size_t hash = static_cast<std::size_t>(i.source) * 131 + static_cast<std::size_t>(i.op);
    for (const ValueId a : i.args) hash = hash * 1000003 + static_cast<std::size_t>(static_cast<std::uint32_t>(a));
    hash = hash * 1000003 + static_cast<std::size_t>(static_cast<std::uint32_t>(i.index));
    return hash ^ std::hash<std::uint64_t>{}(std::bit_cast<std::uint64_t>(i.number));
}

bool is_commutative(Op op) {
    return op == Op::add || op == Op::multiply || op == Op::logical_and || op == Op::logical_or;
}

}  // namespace

ProgramBuilder::ProgramBuilder(Code& code) : code_(code) {
    for (std::size_t k = 0; k < code.size(); ++k) known_[hash_of(code[k])].push_back(static_cast<ValueId>(k));
}

ValueId ProgramBuilder::intern(const Instruction& instruction) {
    auto& bucket = known_[hash_of(instruction)];
    for (const ValueId id : bucket) {
        if (same(at(id), instruction)) return id;
    }
    code_.push_back(instruction);
    const auto id = static_cast<ValueId>(code_.size() - 1);
    bucket.push_back(id);
    return id;
}

ValueId ProgramBuilder::number(double value) {
    return intern({.op = Op::number, .number = value});
}

ValueId ProgramBuilder::source(Source kind, std::int32_t index, Stage stage, double number, ProgramType type) {
    return intern({.source = kind, .type = type, .stage = stage, .number = number, .index = index});
}

ValueId ProgramBuilder::outer(ValueId value, const Instruction& instruction) {
    if (instruction.source == Source::operation && instruction.op == Op::number) return number(instruction.number);
    return intern({.source = Source::outer,
                   .type = instruction.type,
                   .stage = instruction.stage,
                   .args = {value, no_value, no_value}});
}

ValueId ProgramBuilder::random(Op op, std::int32_t site, ValueId argument) {
    return intern({.op = op, .stage = Stage::step, .args = {argument, no_value, no_value}, .index = site});
}

ValueId ProgramBuilder::matrix_entry(std::int32_t call, std::int32_t entry, Stage stage) {
    return intern(
        {.source = Source::matrix_exponential, .stage = stage, .args = {call, no_value, no_value}, .index = entry});
}

ValueId ProgramBuilder::apply(Op op, ValueId a, ValueId b, ValueId c) {
    const int n = arity(op);
    std::array<ValueId, 3> args{a, n > 1 ? b : no_value, n > 2 ? c : no_value};
    if (op == Op::timestep) {  // truncate((t + 1e-3*dt)/dt)
        return apply(Op::truncate, apply(Op::divide, add(args[0], multiply(number(1e-3), args[1])), args[1]));
    }
    bool folded = true;
    Stage highest = Stage::constant;
    for (int k = 0; k < n; ++k) {
        folded = folded && is_number(args[k]);
        highest = joined(highest, stage(args[k]));
    }
    if (folded) {
        const auto literal = [&](int k) { return k < n ? at(args[static_cast<std::size_t>(k)]).number : 0.0; };
        return number(evaluate_operation(op, literal(0), literal(1), literal(2)));
    }
    switch (op) {
        case Op::add:
            if (is_number(args[0], 0)) return args[1];
            if (is_number(args[1], 0)) return args[0];
            break;
        case Op::subtract:
            if (is_number(args[1], 0)) return args[0];
            if (is_number(args[0], 0)) return apply(Op::negate, args[1]);
            break;
        case Op::multiply:
            for (int k = 0; k < 2; ++k) {
                if (is_number(args[k], 1)) return args[1 - k];
                if (is_number(args[k], -1)) return apply(Op::negate, args[1 - k]);
            }
            break;
        case Op::divide:
            if (is_number(args[1], 1)) return args[0];
            if (stage(args[1]) < stage(args[0]) || is_number(args[1])) {  // a loop invariant divides once
                const ValueId reciprocal = apply(Op::divide, number(1), args[1]);
                if (!is_number(reciprocal) || std::isnormal(at(reciprocal).number))
                    return multiply(args[0], reciprocal);
            }
            break;
        case Op::negate:
            if (at(args[0]).source == Source::operation && at(args[0]).op == Op::negate) return at(args[0]).args[0];
            break;
        case Op::power:
            if (is_number(args[1])) {
                const double exponent = at(args[1]).number;
                if (exponent == std::floor(exponent) && std::fabs(exponent) <= 64)
                    return integer_power(args[0], static_cast<int>(exponent));
                if (exponent == 0.5) return apply(Op::sqrt, args[0]);
            }
            break;
        case Op::select:
            if (is_number(args[0])) return at(args[0]).number != 0 ? args[1] : args[2];
            if (args[1] == args[2]) return args[1];
            break;
        default:
            break;
    }
    if (is_commutative(op) && args[0] > args[1]) std::swap(args[0], args[1]);
    return intern(
        {.op = op, .type = is_boolean(op) ? ProgramType::boolean : ProgramType::real, .stage = highest, .args = args});
}

ValueId ProgramBuilder::integer_power(ValueId base, int exponent) {
    if (exponent == 0) return number(1);
    if (exponent < 0) return apply(Op::divide, number(1), integer_power(base, -exponent));
    if (exponent == 1) return base;
    const ValueId half = integer_power(base, exponent / 2);
    const ValueId square = multiply(half, half);
    return exponent % 2 == 0 ? square : multiply(square, base);
}

ValueId ProgramBuilder::sum(std::span<const Term> terms) {
    ValueId total = no_value;
    bool total_negative = false;
    for (int level = 0; level <= static_cast<int>(Stage::step); ++level) {
        std::vector<Term> group;
        for (const Term& term : terms) {
            if (static_cast<int>(stage(term.value)) == level) group.push_back(term);
        }
        // start with a positive term so that no negation is needed
        if (total == no_value) {
            const auto positive = std::find_if(group.begin(), group.end(), [](const Term& t) { return !t.negative; });
            if (positive != group.end()) std::rotate(group.begin(), positive, positive + 1);
        }
        for (const Term& term : group) {
            if (total == no_value) {
                total = term.value;
                total_negative = term.negative;
            } else if (total_negative == term.negative) {
                total = add(total, term.value);
            } else if (total_negative) {
                total = subtract(term.value, total);
                total_negative = false;
            } else {
                total = subtract(total, term.value);
            }
        }
        if (total != no_value && total_negative && is_number(total)) {
            total = number(-at(total).number);
            total_negative = false;
        }
    }
    if (total == no_value) return number(0);
    return total_negative ? apply(Op::negate, total) : total;
}

ValueId ProgramBuilder::multiply_out(std::span<const Factor> factors) {
    ValueId result = no_value;
    for (const Factor& factor : factors) {
        const ValueId value = integer_power(factor.value, factor.exponent);
        result = result == no_value ? value : multiply(result, value);
    }
    return result == no_value ? number(1) : result;
}

ValueId ProgramBuilder::product(std::span<const Factor> factors) {
    std::vector<Factor> merged;
    for (const Factor& factor : factors) {
        const auto it = std::find_if(merged.begin(), merged.end(), [&](const Factor& f) {
            return f.value == factor.value && (f.exponent > 0) == (factor.exponent > 0);
        });
        if (it == merged.end())
            merged.push_back(factor);
        else
            it->exponent += factor.exponent;
    }
    ValueId total = no_value;
    for (int level = 0; level <= static_cast<int>(Stage::step); ++level) {
        std::vector<Factor> above, below;
        for (const Factor& factor : merged) {
            if (static_cast<int>(stage(factor.value)) != level) continue;
            if (factor.exponent > 0)
                above.push_back(factor);
            else
                below.push_back({factor.value, -factor.exponent});
        }
        if (above.empty() && below.empty()) continue;
        // what changes less often is divided first: such a quotient is more likely to be shared
        if (!below.empty()) total = apply(Op::divide, total == no_value ? number(1) : total, multiply_out(below));
        if (!above.empty()) {
            const ValueId value = multiply_out(above);
            total = total == no_value ? value : multiply(total, value);
        }
    }
    return total == no_value ? number(1) : total;
}

// A product of powers and of sums that are not computed yet.
struct Lowering::Monomial {
    std::vector<ProgramBuilder::Factor> factors;
    std::vector<Sum> sums;
};

// Known before the first step: constants and what depends on parameters only.
bool Lowering::rarely_changes(const ProgramBuilder::Factor& factor) const {
    return builder_.stage(factor.value) <= Stage::parameter;
}

// Moves the factors that rarely change into one of the sums, if at most one of its terms has no such factor to merge with.
bool Lowering::carry_into_sum(Monomial& monomial) {
    const auto rare = [this](const ProgramBuilder::Factor& f) { return rarely_changes(f); };
    std::vector<ProgramBuilder::Factor> carried;
    std::copy_if(monomial.factors.begin(), monomial.factors.end(), std::back_inserter(carried), rare);
    if (carried.empty()) return false;
    const bool per_lane = std::any_of(carried.begin(), carried.end(),
                                      [this](const auto& f) { return builder_.stage(f.value) == Stage::parameter; });
    const auto changes_with_time = [this](const Monomial& term) {
        return std::any_of(term.factors.begin(), term.factors.end(),
                           [this](const auto& f) { return builder_.stage(f.value) == Stage::time; });
    };
    for (Sum& sum : monomial.sums) {
        const auto bare = std::count_if(sum.begin(), sum.end(), [&](const Monomial& term) {
            const bool number = term.factors.empty() && term.sums.empty();
            const bool shared = std::none_of(term.factors.begin(), term.factors.end(),
                                             [this](const auto& f) { return builder_.stage(f.value) == Stage::step; });
            const bool mergeable = std::any_of(term.factors.begin(), term.factors.end(), rare) &&
                                   !(per_lane && shared && changes_with_time(term));
            return !number && !mergeable;
        });
        if (bare > 1) continue;
        for (Monomial& term : sum) term.factors.insert(term.factors.end(), carried.begin(), carried.end());
        std::erase_if(monomial.factors, rare);
        return true;
    }
    return false;
}

void Lowering::multiply_in(Monomial& monomial, const Expression& e, int exponent) {
    const auto a = e.arguments();
    switch (e.op()) {
        case Op::multiply:
        case Op::divide:
            multiply_in(monomial, a[0], exponent);
            multiply_in(monomial, a[1], e.op() == Op::divide ? -exponent : exponent);
            break;
        case Op::negate:
            monomial.factors.push_back({builder_.number(-1), 1});
            multiply_in(monomial, a[0], exponent);
            break;
        case Op::add:
        case Op::subtract:
            if (exponent == 1 && !done_.contains(e))
                monomial.sums.push_back(expand(e));
            else
                monomial.factors.push_back({value(e), exponent});
            break;
        case Op::power:
            if (a[1].op() == Op::number && a[1].number() == std::floor(a[1].number()) && a[1].number() >= 1 &&
                a[1].number() <= 64) {
                monomial.factors.push_back({value(a[0]), exponent * static_cast<int>(a[1].number())});
                break;
            }
            [[fallthrough]];
        default:
            monomial.factors.push_back({value(e), exponent});
    }
}

Lowering::Sum Lowering::expand(const Expression& e) {
    const auto a = e.arguments();
    if (e.op() == Op::add || e.op() == Op::subtract) {
        Sum sum = expand(a[0]);
        for (Monomial& term : expand(a[1])) {
            if (e.op() == Op::subtract) term.factors.push_back({builder_.number(-1), 1});
            sum.push_back(std::move(term));
        }
        return sum;
    }
    Monomial monomial;
    multiply_in(monomial, e, 1);
    const bool only_rare = std::all_of(monomial.factors.begin(), monomial.factors.end(),
                                       [this](const auto& f) { return rarely_changes(f); });
    if (only_rare && monomial.sums.size() == 1 && carry_into_sum(monomial)) return std::move(monomial.sums[0]);
    return {std::move(monomial)};
}

ValueId Lowering::value_of(const Monomial& monomial) {
    Monomial rest = monomial;
    carry_into_sum(rest);
    for (const Sum& sum : rest.sums) rest.factors.push_back({value_of(sum), 1});
    return builder_.product(rest.factors);
}

ValueId Lowering::value_of(const Sum& sum) {
    std::vector<ProgramBuilder::Term> terms;
    for (const Monomial& term : sum) {
        const ValueId v = value_of(term);
        const Instruction& made = builder_.at(v);
        if (made.source == Source::operation && made.op == Op::negate)
            terms.push_back({made.args[0], true});
        else
            terms.push_back({v, false});
    }
    return builder_.sum(terms);
}

ValueId Lowering::value(const Expression& e) {
    if (const auto it = done_.find(e); it != done_.end()) return it->second;
    ValueId result = no_value;
    const auto a = e.arguments();
    switch (e.op()) {
        case Op::number:
            result = builder_.number(e.number());
            break;
        case Op::symbol:
            result = environment_(*this, e.name());
            break;
        case Op::add:
        case Op::subtract:
        case Op::multiply:
        case Op::divide:
        case Op::negate:
            result = value_of(expand(e));
            break;
        case Op::uniform:
        case Op::normal:
        case Op::poisson:
            result = builder_.random(e.op(), static_cast<std::int32_t>(e.site()), a.empty() ? no_value : value(a[0]));
            break;
        default: {
            std::array<ValueId, 3> args{no_value, no_value, no_value};
            for (std::size_t k = 0; k < a.size(); ++k) args[k] = value(a[k]);
            result = builder_.apply(e.op(), args[0], args[1], args[2]);
        }
    }
    done_.emplace(e, result);
    return result;
}

}  // namespace spikesmith
