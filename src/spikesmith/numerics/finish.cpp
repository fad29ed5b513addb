// The last pass over a program: fused multiply-adds, then removal of what nobody needs.
#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "spikesmith/numerics/program_builder.hpp"

namespace spikesmith {
namespace {

using Roots = std::vector<ValueId*>;  // values that must survive; renumbered in place

template <class Use>
void for_each_operand(Instruction& instruction, Use use) {
    if (instruction.source != Source::operation && instruction.source != Source::fused) return;
    for (ValueId& a : instruction.args) {  // NOLINT(misc-const-correctness): some uses renumber
        if (a != no_value) use(a);
    }
}

void renumber(const Roots& roots, const std::vector<ValueId>& place) {
    for (ValueId* root : roots) *root = place[static_cast<std::size_t>(*root)];
}

// a*b + c with one rounding, where the product serves this sum only. A product of an earlier stage stays where it is.
void contract(Code& code, const Roots& roots) {
    std::vector<int> uses(code.size(), 0);
    for (auto& instruction : code)
        for_each_operand(instruction, [&](ValueId a) { ++uses[static_cast<std::size_t>(a)]; });
    for (const ValueId* root : roots) ++uses[static_cast<std::size_t>(*root)];

    Code out;
    std::vector<ValueId> place(code.size(), no_value);
    const auto lone_product = [&](ValueId v, Stage stage) {
        const auto& i = code[static_cast<std::size_t>(v)];
        return i.source == Source::operation && i.op == Op::multiply && i.stage == stage &&
               uses[static_cast<std::size_t>(v)] == 1;
    };
    const auto negated = [&](ValueId v) {
        const Instruction i = out[static_cast<std::size_t>(v)];
        if (i.source == Source::operation && i.op == Op::negate) return i.args[0];
        if (i.source == Source::operation && i.op == Op::number) {
            out.push_back({.op = Op::number, .number = -i.number});
        } else {
            out.push_back({.op = Op::negate, .stage = i.stage, .args = {v, no_value, no_value}});
        }
        return static_cast<ValueId>(out.size() - 1);
    };
    for (std::size_t k = 0; k < code.size(); ++k) {
        Instruction i = code[k];
        const bool is_sum = i.source == Source::operation && (i.op == Op::add || i.op == Op::subtract);
        const bool second = is_sum && lone_product(i.args[1], i.stage);
        if (is_sum && (second || lone_product(i.args[0], i.stage))) {
            const Instruction& product = code[static_cast<std::size_t>(i.args[second ? 1 : 0])];
            ValueId a = place[static_cast<std::size_t>(product.args[0])];
            const ValueId b = place[static_cast<std::size_t>(product.args[1])];
            ValueId rest = place[static_cast<std::size_t>(i.args[second ? 0 : 1])];
            if (i.op == Op::subtract && second) a = negated(a);
            if (i.op == Op::subtract && !second) rest = negated(rest);
            i.source = Source::fused;
            i.op = Op::add;
            i.args = {a, b, rest};
        } else {
            for_each_operand(i, [&](ValueId& a) { a = place[static_cast<std::size_t>(a)]; });
        }
        out.push_back(i);
        place[k] = static_cast<ValueId>(out.size() - 1);
    }
    code = std::move(out);
    renumber(roots, place);
}

// x*(-c) beside x*c, as gates have them in rates and slopes: minus the other, where that costs nothing, in sums.
void share_opposite_products(Code& code, const Roots& roots) {
    std::vector<bool> only_added(code.size(), true);
    for (auto& i : code) {
        const bool adds =
            i.source == Source::fused || (i.source == Source::operation && (i.op == Op::add || i.op == Op::subtract));
        if (!adds) for_each_operand(i, [&](ValueId a) { only_added[static_cast<std::size_t>(a)] = false; });
    }
    for (const ValueId* root : roots) only_added[static_cast<std::size_t>(*root)] = false;

    // the place of a product's factor that is a number
    const auto number_in = [&](const Instruction& i) -> std::optional<std::size_t> {
        if (i.source != Source::operation || i.op != Op::multiply) return std::nullopt;
        for (const std::size_t k : {0U, 1U}) {
            const Instruction& factor = code[static_cast<std::size_t>(i.args[k])];
            if (factor.source == Source::operation && factor.op == Op::number) return k;
        }
        return std::nullopt;
    };
    struct Pair {
        std::set<double> numbers;
        ValueId product = no_value;  // by the positive number, once it is there
    };
    std::map<std::pair<ValueId, double>, Pair> pairs;
    const auto number_of = [&](const Instruction& i, std::size_t k) {
        return code[static_cast<std::size_t>(i.args[k])].number;
    };
    const auto pair_of = [&](const Instruction& i, std::size_t k) -> Pair& {
        return pairs[{i.args[1 - k], std::fabs(number_of(i, k))}];
    };
    for (const Instruction& i : code) {
        if (const auto k = number_in(i)) pair_of(i, *k).numbers.insert(number_of(i, *k));
    }

    Code out;
    std::vector<ValueId> place(code.size(), no_value);
    const auto put = [&](const Instruction& i) {
        out.push_back(i);
        return static_cast<ValueId>(out.size() - 1);
    };
    for (std::size_t v = 0; v < code.size(); ++v) {
        Instruction i = code[v];
        const auto k = number_in(i);
        const double c = k ? number_of(i, *k) : 0;
        Pair* pair = k ? &pair_of(i, *k) : nullptr;
        for_each_operand(i, [&](ValueId& a) { a = place[static_cast<std::size_t>(a)]; });
        if (pair == nullptr || pair->numbers.size() < 2 || (c < 0 && !only_added[v])) {
            place[v] = put(i);
            continue;
        }
        if (pair->product == no_value) {
            if (c < 0) i.args[*k] = put({.op = Op::number, .number = -c});
            pair->product = put(i);
        }
        place[v] = c > 0 ? pair->product
                         : put({.op = Op::negate, .stage = i.stage, .args = {pair->product, no_value, no_value}});
    }
    code = std::move(out);
    renumber(roots, place);
}

void remove_unused(Code& code, const Roots& roots) {
    std::vector<bool> needed(code.size(), false);
    for (const ValueId* root : roots) needed[static_cast<std::size_t>(*root)] = true;
    for (std::size_t k = code.size(); k-- > 0;) {
        if (needed[k]) for_each_operand(code[k], [&](ValueId a) { needed[static_cast<std::size_t>(a)] = true; });
    }
    Code out;
    std::vector<ValueId> place(code.size(), no_value);
    for (std::size_t k = 0; k < code.size(); ++k) {
        if (!needed[k]) continue;
        Instruction i = code[k];
        for_each_operand(i, [&](ValueId& a) { a = place[static_cast<std::size_t>(a)]; });
        out.push_back(i);
        place[k] = static_cast<ValueId>(out.size() - 1);
    }
    code = std::move(out);
    renumber(roots, place);
}

// What nobody needs goes first, so that a product's uses are counted right and a second pass finds nothing to change.
void optimise(Code& code, const Roots& roots) {
    remove_unused(code, roots);
    share_exponentials(code, roots);
    remove_unused(code, roots);
    contract(code, roots);
    share_opposite_products(code, roots);
    remove_unused(code, roots);
}

// Puts what the adaptive solver reads before its results, where the code was written in another order.
void order_for_solver(Code& code, const Roots& roots, const AdaptiveSolve& solve) {
    Code out;
    std::vector<ValueId> place(code.size(), no_value);
    const std::function<void(ValueId)> visit = [&](ValueId v) {
        if (place[static_cast<std::size_t>(v)] != no_value) return;
        Instruction i = code[static_cast<std::size_t>(v)];
        if (i.source == Source::adaptive) {
            std::for_each(solve.start.begin(), solve.start.end(), visit);
            for (const auto& inner : solve.code) {
                if (inner.source == Source::outer) visit(inner.args[0]);
            }
        }
        for_each_operand(i, [&](ValueId& a) {
            visit(a);
            a = place[static_cast<std::size_t>(a)];
        });
        out.push_back(i);
        place[static_cast<std::size_t>(v)] = static_cast<ValueId>(out.size() - 1);
    };
    for (std::size_t v = 0; v < code.size(); ++v) visit(static_cast<ValueId>(v));
    code = std::move(out);
    renumber(roots, place);
}

void remove_unused_time_inputs(UpdateProgram& program) {
    std::vector<std::int32_t> place(program.time_inputs.size(), -1);
    std::vector<TimeInput> kept;
    for (Code* code : {&program.step, &program.init}) {
        for (Instruction& i : *code) {
            if (i.source != Source::time_input) continue;
            auto& target = place[static_cast<std::size_t>(i.index)];
            if (target < 0) {
                target = static_cast<std::int32_t>(kept.size());
                kept.push_back(program.time_inputs[static_cast<std::size_t>(i.index)]);
            }
            i.index = target;
        }
    }
    program.time_inputs = std::move(kept);
}

}  // namespace

void finish(UpdateProgram& program) {
    Roots step;
    for (auto& state : program.states) step.push_back(&state.next);
    for (auto& output : program.outputs) step.push_back(&output.value);
    if (program.spike != no_value) step.push_back(&program.spike);
    for (auto& matrix : program.matrix_exponentials) {
        for (auto& entry : matrix.entries) step.push_back(&entry);
    }
    if (program.adaptive) {
        auto& solve = *program.adaptive;
        Roots inner;
        for (auto& d : solve.derivative) inner.push_back(&d);
        if (solve.threshold != no_value) inner.push_back(&solve.threshold);
        optimise(solve.code, inner);
        for (auto& s : solve.start) step.push_back(&s);
        for (auto& i : solve.code) {
            if (i.source == Source::outer) step.push_back(i.args.data());
        }
    }
    if (program.adaptive) order_for_solver(program.step, step, *program.adaptive);
    optimise(program.step, step);
    choose_exprel(program);
    Roots init;
    for (auto& state : program.states) init.push_back(&state.initial);
    optimise(program.init, init);
    remove_unused_time_inputs(program);
}

}  // namespace spikesmith
