#include "spikesmith/numerics/recording.hpp"

#include <algorithm>

namespace spikesmith {
namespace {

// In operations that take one machine instruction. Recording: one store and one load, mostly of the second cache level.
constexpr int recording_cost = 4;
constexpr int division_cost = 8;
constexpr int function_cost = 20;
constexpr int exprel_cost = 2;  // beyond its slope, which whoever differentiates needs and which does the same work
constexpr int impossible = 1'000'000;  // to compute again
constexpr int most_rounds = 8;

std::size_t at(ValueId v) {
    return static_cast<std::size_t>(v);
}

bool is_code(const Instruction& i) {
    return i.source == Source::operation || i.source == Source::fused;
}

int computing_cost(const Instruction& i) {
    if (i.stage <= Stage::parameter) return 0;
    switch (i.source) {
        case Source::fused:
            return 1;
        case Source::state:
        case Source::matrix_exponential:
        case Source::adaptive:
            return impossible;
        case Source::operation:
            break;
        default:
            return 0;
    }
    switch (i.op) {
        case Op::divide:
        case Op::sqrt:
        case Op::modulo:
        case Op::floor_divide:
            return division_cost;
        case Op::add:
        case Op::subtract:
        case Op::multiply:
        case Op::negate:
        case Op::abs:
        case Op::select:
        case Op::minimum:
        case Op::maximum:
        case Op::floor:
        case Op::ceil:
        case Op::truncate:
        case Op::sign:
            return 1;
        case Op::exprel:
        case Op::exprel_near_0:
            return exprel_cost;
        default:
            return i.type == ProgramType::boolean ? 1 : function_cost;
    }
}

// A plan that counts what it costs: every value that somebody uses is recorded or computed.
class Plan {
  public:
    explicit Plan(const Code& code) : code_(code), users_(code.size(), 0), recorded_(code.size(), false) {
        for (std::size_t v = 0; v < code.size(); ++v) recorded_[v] = computing_cost(code[v]) == impossible;
    }

    void use(ValueId v) {
        if (users_[at(v)]++ > 0) return;
        cost_ += own_cost(v);
        if (!recorded_[at(v)]) for_each_operand(v, [&](ValueId a) { use(a); });
    }
    // Records the value instead of computing it, or the other way round, where that saves something.
    bool improve(ValueId v) {
        const Instruction& i = code_[at(v)];
        const int computing = computing_cost(i);
        if (users_[at(v)] == 0 || computing == 0 || computing == impossible || i.type == ProgramType::boolean)
            return false;
        const int before = cost_;
        turn(v);
        if (cost_ < before) return true;
        turn(v);
        return false;
    }
    [[nodiscard]] std::vector<ValueId> recorded() const {
        std::vector<ValueId> values;
        for (std::size_t v = 0; v < code_.size(); ++v) {
            if (recorded_[v] && users_[v] > 0) values.push_back(static_cast<ValueId>(v));
        }
        return values;
    }

  private:
    template <class Visit>
    void for_each_operand(ValueId v, Visit visit) const {
        if (!is_code(code_[at(v)])) return;
        for (const ValueId a : code_[at(v)].args) {
            if (a != no_value) visit(a);
        }
    }
    [[nodiscard]] int own_cost(ValueId v) const {
        return recorded_[at(v)] ? recording_cost : computing_cost(code_[at(v)]);
    }
    void release(ValueId v) {
        if (--users_[at(v)] > 0) return;
        cost_ -= own_cost(v);
        if (!recorded_[at(v)]) for_each_operand(v, [&](ValueId a) { release(a); });
    }
    void turn(ValueId v) {
        cost_ -= own_cost(v);
        if (recorded_[at(v)]) {
            for_each_operand(v, [&](ValueId a) { use(a); });
        } else {
            for_each_operand(v, [&](ValueId a) { release(a); });
        }
        recorded_[at(v)] = !recorded_[at(v)];
        cost_ += own_cost(v);
    }

    const Code& code_;
    std::vector<int> users_;
    std::vector<bool> recorded_;
    int cost_ = 0;
};

}  // namespace

std::vector<ValueId> values_to_record(const Code& code, const std::vector<ValueId>& needed) {
    Plan plan(code);
    std::ranges::for_each(needed, [&](ValueId v) { plan.use(v); });
    bool changed = true;
    for (int round = 0; changed && round < most_rounds; ++round) {
        changed = false;
        for (std::size_t v = code.size(); v-- > 0;) changed = plan.improve(static_cast<ValueId>(v)) || changed;
    }
    return plan.recorded();
}

}  // namespace spikesmith
