// Equations in their own order, each by its own method: Model::updates.
//
// Equations of one block read the values before the block; then their new values are stored one after the other, each followed by
// its bounds. Within a block the equations that share one of `midpoint`, `rk4` and `implicit` are one system; all others see
// the old values of their neighbours. The time and the inputs stay those of the start of the step in every stage.
#include <algorithm>
#include <span>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/numerics/step_context.hpp"
#include "spikesmith/symbolic/calculus.hpp"
#include "spikesmith/symbolic/linear_parts.hpp"

namespace spikesmith {
namespace {

using Method = Update::Method;
using Members = std::vector<std::size_t>;  // states that are solved together
using Values = std::vector<ValueId>;       // one per member

class OrderedStep {
  public:
    explicit OrderedStep(StepContext& context) : context_(context), b_(context.builder()), now_(context.start()) {}

    NextStates run() {
        const auto& updates = context_.model().updates;
        for (std::size_t first = 0; first < updates.size();) {
            std::size_t last = first + 1;
            while (last < updates.size() && updates[last].block == updates[first].block) ++last;
            block({updates.data() + first, last - first});
            first = last;
        }
        return now_.states;
    }

  private:
    void block(std::span<const Update> updates) {
        std::map<std::size_t, ValueId> fresh;  // by state
        Lowering at_start = context_.at(now_);
        for (const Method method : {Method::midpoint, Method::rk4, Method::implicit}) {
            Members members;
            for (const Update& update : updates) {
                if (update.method == method) members.push_back(update.state);
            }
            const Values values = members.empty() ? Values{} : together(method, members, at_start);
            for (std::size_t m = 0; m < members.size(); ++m) fresh[members[m]] = values[m];
        }
        for (const Update& update : updates) {
            if (!fresh.contains(update.state)) fresh[update.state] = alone(update, at_start);
        }
        for (const Update& update : updates) store(update, fresh.at(update.state));
    }

    // ---- one equation, the others at their old values ----

    ValueId alone(const Update& update, Lowering& at_start) {
        const std::size_t s = update.state;
        const ValueId x = now_.states[s];
        if (update.method == Method::assignment)
            return context_.if_active(s, as_real(at_start.value(stabilise(update.value))), x);
        if (update.method == Method::explicit_euler) return b_.add(x, increment(s, at_start));
        const std::string& name = context_.model().states[s].name;
        const auto parts = relaxation_parts(context_.model().states[s].derivative, name);
        if (!parts) throw not_solvable(s, "there is no linear term to relax by");
        // dx/dt = rate*x + rest, rate and rest at the old values
        const Expression dt(context_.options().dt);
        const ValueId rate = at_start.value(dt * stabilise(parts->coefficients[0]));
        const ValueId slope = b_.add(b_.multiply(rate, x), at_start.value(dt * stabilise(parts->rest)));
        const ValueId change = update.method == Method::exponential
                                   ? b_.multiply(slope, b_.apply(Op::exprel, rate))
                                   : b_.apply(Op::divide, slope, b_.subtract(b_.number(1), rate));
        return context_.if_active(s, b_.add(x, change), x);
    }

    // ---- a system of equations ----

    Values together(Method method, const Members& members, Lowering& at_start) {
        if (method == Method::implicit) return backward_euler(members, at_start);
        const Values k1 = increments(members, at_start);
        const Values k2 = increments_at(members, k1, 0.5);
        if (method == Method::midpoint) return advanced(members, k2, 1);
        const Values k3 = increments_at(members, k2, 0.5);
        const Values k4 = increments_at(members, k3, 1);
        Values total;
        for (std::size_t m = 0; m < members.size(); ++m) {
            const ValueId middle = b_.multiply(b_.number(2), b_.add(k2[m], k3[m]));
            total.push_back(b_.add(b_.add(k1[m], k4[m]), middle));
        }
        return advanced(members, total, 1.0 / 6);
    }

    // dt * derivative, 0 where the state is frozen.
    ValueId increment(std::size_t state, Lowering& lowering) {
        const ValueId change = lowering.value(Expression(context_.options().dt) * context_.derivatives()[state]);
        return context_.if_active(state, as_real(change), b_.number(0));
    }
    Values increments(const Members& members, Lowering& lowering) {
        Values out;
        for (const std::size_t s : members) out.push_back(increment(s, lowering));
        return out;
    }
    Values increments_at(const Members& members, const Values& k, double factor) {
        Moment stage = now_;
        const Values states = advanced(members, k, factor);
        for (std::size_t m = 0; m < members.size(); ++m) stage.states[members[m]] = states[m];
        Lowering lowering = context_.at(stage);
        return increments(members, lowering);
    }
    // x + factor * k
    Values advanced(const Members& members, const Values& k, double factor) {
        Values out;
        for (std::size_t m = 0; m < members.size(); ++m)
            out.push_back(b_.add(now_.states[members[m]], b_.multiply(b_.number(factor), k[m])));
        return out;
    }

    // (1 - dt*M) x_new = x + dt*rest by elimination. The rows of frozen states are x_new = x.
    Values backward_euler(const Members& members, Lowering& at_start) {
        const std::size_t n = members.size();
        const Expression dt(context_.options().dt);
        std::vector<std::string> names;
        for (const std::size_t s : members) names.push_back(context_.model().states[s].name);
        std::vector<Values> matrix;
        Values right;
        for (std::size_t i = 0; i < n; ++i) {
            const std::size_t s = members[i];
            const auto parts = linear_parts(context_.model().states[s].derivative, names);
            if (!parts) throw not_solvable(s, "it is not linear in what is solved together");
            auto& row = matrix.emplace_back();
            for (std::size_t j = 0; j < n; ++j) {
                const ValueId identity = b_.number(i == j ? 1 : 0);
                const ValueId entry = at_start.value(dt * stabilise(parts->coefficients[j]));
                row.push_back(context_.if_active(s, b_.subtract(identity, entry), identity));
            }
            const ValueId x = now_.states[s];
            right.push_back(context_.if_active(s, b_.add(x, at_start.value(dt * stabilise(parts->rest))), x));
        }
        for (std::size_t column = 0; column < n; ++column) {
            for (std::size_t i = column + 1; i < n; ++i) {
                if (b_.is_number(matrix[i][column], 0)) continue;
                const ValueId factor = b_.apply(Op::divide, matrix[i][column], matrix[column][column]);
                for (std::size_t j = column + 1; j < n; ++j)
                    matrix[i][j] = b_.subtract(matrix[i][j], product(factor, matrix[column][j]));
                right[i] = b_.subtract(right[i], product(factor, right[column]));
            }
        }
        Values solution(n, no_value);
        for (std::size_t i = n; i-- > 0;) {
            ValueId rest = right[i];
            for (std::size_t j = i + 1; j < n; ++j) rest = b_.subtract(rest, product(matrix[i][j], solution[j]));
            solution[i] = b_.apply(Op::divide, rest, matrix[i][i]);
        }
        return solution;
    }
    // 0 for an entry that is always 0: the builder keeps 0*x because x may be infinite.
    ValueId product(ValueId entry, ValueId value) {
        return b_.is_number(entry, 0) || b_.is_number(value, 0) ? b_.number(0) : b_.multiply(entry, value);
    }

    // ---- storing ----

    void store(const Update& update, ValueId value) {
        ValueId& stored = now_.states[update.state];
        stored = value;
        if (update.minimum) {
            const ValueId least = as_real(context_.at(now_).value(*update.minimum));
            stored = b_.select(b_.apply(Op::less, stored, least), least, stored);
        }
        if (update.maximum) {
            const ValueId most = as_real(context_.at(now_).value(*update.maximum));
            stored = b_.select(b_.apply(Op::less, most, stored), most, stored);
        }
        if (update.type == ValueType::integer) stored = b_.apply(Op::truncate, stored);
        if (update.type == ValueType::boolean) stored = as_real(b_.apply(Op::not_equal, stored, b_.number(0)));
    }

    ValueId as_real(ValueId value) {
        return b_.at(value).type == ProgramType::boolean ? b_.select(value, b_.number(1), b_.number(0)) : value;
    }

    [[nodiscard]] NumericalError not_solvable(std::size_t state, const std::string& why) const {
        return NumericalError{fmt::format("the equation of `{}` cannot be solved by its method: {}",
                                          context_.model().states[state].name, why),
                              "give it one of the methods `explicit`, `midpoint` and `rk4`"};
    }

    StepContext& context_;
    ProgramBuilder& b_;
    Moment now_;
};

}  // namespace

NextStates ordered_step(StepContext& context) {
    return OrderedStep(context).run();
}

}  // namespace spikesmith
