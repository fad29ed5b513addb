// Exponentials that share their work: the rates of a Hodgkin-Huxley model are exponentials of the same voltage, exp((v - V_i)/k_i),
// and most k_i are small multiples of each other. With x = (v - V)/k for the largest k and one centre V,
//
//     exp((v - V_i)/k_i) = exp(x)^n * exp(r),   n = k/k_i a whole number, r = (V - V_i)/k_i a constant,
//
// one exponential and a few multiplications do for all of them, also inside y/(exp(y) - 1).
//
// Only where it is safe: n <= 16 and |r| <= 16, so that at most some tens of units in the last place are lost, and an infinity
// comes instead of a number only where the exponential exceeds 1e300.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>
#include <optional>

#include "spikesmith/numerics/program_builder.hpp"

namespace spikesmith {
namespace {

constexpr int highest_power = 16;
constexpr double largest_offset = 16;
constexpr double slope_tolerance = 8 * std::numeric_limits<double>::epsilon();

// slope * base + offset; without base, the number `offset`.
struct Affine {
    ValueId base = no_value;
    double slope = 0;
    double offset = 0;
};

Affine affine_of(const ProgramBuilder& b, ValueId value) {
    const Affine opaque{value, 1, 0};
    const Instruction& i = b.at(value);
    if (i.source != Source::operation) return opaque;
    const auto argument = [&](std::size_t k) { return affine_of(b, i.args[k]); };
    switch (i.op) {
        case Op::number:
            return {.offset = i.number};
        case Op::negate: {
            const Affine x = argument(0);
            return {x.base, -x.slope, -x.offset};
        }
        case Op::add:
        case Op::subtract: {
            const double sign = i.op == Op::add ? 1 : -1;
            const Affine x = argument(0), y = argument(1);
            if (x.base != no_value && y.base != no_value && x.base != y.base) return opaque;
            return {x.base == no_value ? y.base : x.base, x.slope + sign * y.slope, x.offset + sign * y.offset};
        }
        case Op::multiply: {
            const Affine x = argument(0), y = argument(1);
            if (x.base != no_value && y.base != no_value) return opaque;
            const Affine& varying = x.base != no_value ? x : y;
            const double factor = x.base != no_value ? y.offset : x.offset;
            return {varying.base, varying.slope * factor, varying.offset * factor};
        }
        default:
            return opaque;
    }
}

// An exponential of n*x + r, and where it stands in the code.
struct Member {
    ValueId place = no_value;
    Affine argument;
    int n = 0;
    double r = 0;
};

// What is computed once: x = slope*base + offset.
struct Family {
    double slope = 0;
    double offset = 0;
    std::vector<Member> members;
};

bool is_exponential(const Instruction& i) {
    return i.source == Source::operation && i.stage == Stage::step && (i.op == Op::exp || i.op == Op::x_over_expm1);
}

// The members among `candidates` that a family with this slope and x = 0 at `centre` has. The powers of exp(x) that a plain
// exponential needs are positive; x_over_expm1 takes either sign.
Family family_with(const Code& code, const std::vector<Member>& candidates, double slope, double centre) {
    Family family{.slope = slope, .offset = -slope * centre, .members = {}};
    for (Member member : candidates) {
        const double ratio = member.argument.slope / slope;
        const double n = std::round(ratio);
        if (n == 0 || std::fabs(n) > highest_power || std::fabs(ratio - n) > slope_tolerance * std::fabs(n)) continue;
        if (n < 0 && code[static_cast<std::size_t>(member.place)].op == Op::exp) continue;
        member.n = static_cast<int>(n);
        member.r = member.argument.slope * centre + member.argument.offset;
        if (!(std::fabs(member.r) <= largest_offset)) continue;
        family.members.push_back(member);
    }
    return family;
}

double largest_r(const Family& family) {
    double largest = 0;
    for (const Member& member : family.members) largest = std::max(largest, std::fabs(member.r));
    return largest;
}

// The largest family of the candidates, all of one base; of equally large ones that with the smallest offsets.
std::optional<Family> best_family(const Code& code, const std::vector<Member>& candidates) {
    std::optional<Family> best;
    for (const Member& unit : candidates) {
        for (const double slope : {unit.argument.slope, -unit.argument.slope}) {
            for (const Member& zero : candidates) {
                Family family = family_with(code, candidates, slope, -zero.argument.offset / zero.argument.slope);
                if (family.members.size() < 2) continue;
                if (best && family.members.size() < best->members.size()) continue;
                if (best && family.members.size() == best->members.size() && largest_r(family) >= largest_r(*best))
                    continue;
                best = std::move(family);
            }
        }
    }
    return best;
}

// Powers of exp(x) as they are needed, each from two that are there where that is possible.
class Powers {
  public:
    Powers(ProgramBuilder& builder, ValueId first) : builder_(builder), known_{{1, first}} {}

    ValueId power(int n) {
        if (const auto it = known_.find(n); it != known_.end()) return it->second;
        for (const auto& [k, value] : known_) {
            const auto rest = known_.find(n - k);
            if (rest != known_.end()) return known_[n] = builder_.multiply(value, rest->second);
        }
        const ValueId half = power(n / 2);
        const ValueId square = n / 2 * 2 == n ? half : power(n - n / 2);
        return known_[n] = builder_.multiply(half, square);
    }

  private:
    ProgramBuilder& builder_;
    std::map<int, ValueId> known_;
};

std::vector<Family> families_of(const Code& code, const ProgramBuilder& b) {
    std::map<ValueId, std::vector<Member>> by_base;
    for (std::size_t v = 0; v < code.size(); ++v) {
        if (!is_exponential(code[v])) continue;
        const Affine argument = affine_of(b, code[v].args[0]);
        if (argument.base == no_value || b.stage(argument.base) != Stage::step || !std::isnormal(argument.slope) ||
            !std::isfinite(argument.offset))
            continue;
        by_base[argument.base].push_back({.place = static_cast<ValueId>(v), .argument = argument});
    }
    std::vector<Family> families;
    for (auto& [base, candidates] : by_base) {
        while (auto family = best_family(code, candidates)) {
            std::erase_if(candidates, [&](const Member& candidate) {
                return std::ranges::any_of(family->members,
                                           [&](const Member& m) { return m.place == candidate.place; });
            });
            families.push_back(std::move(*family));
        }
    }
    return families;
}

}  // namespace

void share_exponentials(Code& code, const std::vector<ValueId*>& roots) {
    Code known = code;
    const std::vector<Family> families = families_of(code, ProgramBuilder(known));
    if (families.empty()) return;
    struct Use {
        std::size_t family;
        const Member* member;
    };
    std::map<ValueId, Use> uses;
    for (std::size_t f = 0; f < families.size(); ++f) {
        for (const Member& member : families[f].members) uses[member.place] = {f, &member};
    }

    Code out;
    ProgramBuilder b(out);
    std::vector<ValueId> place(code.size(), no_value);
    const auto placed = [&](ValueId v) { return place[static_cast<std::size_t>(v)]; };
    std::vector<std::optional<Powers>> powers(families.size());
    // a product of its own, for a fused multiply-add
    const auto line = [&](ValueId base, double slope, double offset) {
        return b.add(b.multiply(placed(base), b.number(slope)), b.number(offset));
    };
    // the instruction in terms of the powers of its family
    const auto shared = [&](const Instruction& i, const Use& use) {
        const Family& family = families[use.family];
        const Member& member = *use.member;
        if (!powers[use.family]) {
            powers[use.family].emplace(b, b.apply(Op::exp, line(member.argument.base, family.slope, family.offset)));
        }
        const ValueId power = powers[use.family]->power(std::abs(member.n));
        const auto scaled = [&](double factor) { return b.multiply(power, b.number(factor)); };
        const auto& [base, slope, offset] = member.argument;
        if (i.op == Op::exp) {
            const ValueId exponent = b.multiply(b.at(powers[use.family]->power(1)).args[0], b.number(member.n));
            const ValueId e = b.apply(Op::exp_given, exponent, power);
            return b.multiply(e, b.number(std::exp(member.r)));
        }
        const ValueId argument = line(base, slope, offset);
        if (member.n > 0) {
            const ValueId denominator = b.subtract(scaled(std::exp(member.r)), b.number(1));
            return b.apply(Op::x_over_expm1_given, argument, argument, denominator);
        }
        // y/(exp(y) - 1) = y*e/(1 - e) with e = exp(-y), which is -y from some e on
        const ValueId power_e = scaled(std::exp(-member.r)), much = b.number(1e30);
        const ValueId e = b.select(b.apply(Op::less, much, power_e), much, power_e);
        return b.apply(Op::x_over_expm1_given, argument, b.multiply(argument, e), b.subtract(b.number(1), e));
    };
    // (e*c)*d with e from a power: e*(c*d)
    const auto merge_numbers = [&](Instruction& i) {
        if (i.source != Source::operation || i.op != Op::multiply) return;
        for (const std::size_t k : {0U, 1U}) {
            const Instruction inner = b.at(i.args[1 - k]);
            if (!b.is_number(i.args[k]) || inner.source != Source::operation || inner.op != Op::multiply) continue;
            if (b.at(inner.args[0]).op != Op::exp_given || !b.is_number(inner.args[1])) continue;
            i.args = {inner.args[0], b.number(b.at(i.args[k]).number * b.at(inner.args[1]).number), no_value};
            return;
        }
    };
    for (std::size_t v = 0; v < code.size(); ++v) {
        Instruction i = code[v];
        if (i.source == Source::operation || i.source == Source::fused) {
            for (ValueId& a : i.args) {
                if (a != no_value) a = placed(a);
            }
        }
        merge_numbers(i);
        if (const auto use = uses.find(static_cast<ValueId>(v)); use != uses.end()) {
            place[v] = shared(i, use->second);
        } else {
            out.push_back(i);
            place[v] = static_cast<ValueId>(out.size() - 1);
        }
    }
    code = std::move(out);
    for (ValueId* root : roots) *root = placed(*root);
}

}  // namespace spikesmith
