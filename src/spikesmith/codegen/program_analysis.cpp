#include "spikesmith/codegen/program_analysis.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "spikesmith/numerics/embedded_pairs.hpp"

namespace spikesmith::codegen {
namespace {

Variation variation_of_source(const Instruction& instruction) {
    switch (instruction.source) {
        case Source::operation:
            return is_random(instruction.op) ? Variation{true, true} : Variation{};
        case Source::parameter:
        case Source::lane_index:
            return {.lane = true};
        case Source::time_input:
        case Source::time:
        case Source::step_index:
            return {.time = true};
        case Source::state:
        case Source::adaptive:
        case Source::recorded:
            return {true, true};
        default:
            return {};
    }
}

// Levels count the groupable calls that a value must wait for, its own included.
class Levels {
  public:
    Levels(const UpdateProgram& program, const std::vector<bool>& groupable)
        : program_(program), groupable_(groupable), earliest_(program.step.size()), latest_(program.step.size()) {
        for (std::size_t id = 0; id < earliest_.size(); ++id) {
            earliest_[id] = after_operands(id, earliest_);
            depth_ = std::max(depth_, earliest_[id]);
            if (groupable_[id]) ++company_[{earliest_[id], program_.step[id].op}];
        }
        std::fill(latest_.begin(), latest_.end(), depth_);
        for (std::size_t id = latest_.size(); id-- > 0;) {
            for_each_operand(program_, program_.step[id], [&](ValueId a) {
                latest_[index_of(a)] = std::min(latest_[index_of(a)], latest_[id] - own(id));
            });
        }
    }

    [[nodiscard]] int depth() const { return depth_; }

    // The level of each value: as early as possible, but a call waits for company if nobody has to wait for it.
    [[nodiscard]] std::vector<int> chosen() const {
        std::vector<int> level(earliest_.size());
        for (std::size_t id = 0; id < level.size(); ++id) {
            level[id] = after_operands(id, level);
            if (!groupable_[id]) continue;
            const Op op = program_.step[id].op;
            const auto others = [&](int l) { return company(l, op) - (l == earliest_[id] ? 1 : 0); };
            int best = level[id];
            for (int l = best; l <= latest_[id]; ++l) {
                if (others(l) > others(best)) best = l;
            }
            level[id] = best;
        }
        return level;
    }

  private:
    [[nodiscard]] int own(std::size_t id) const { return groupable_[id] ? 1 : 0; }
    [[nodiscard]] int after_operands(std::size_t id, const std::vector<int>& level) const {
        int highest = 0;
        for_each_operand(program_, program_.step[id],
                         [&](ValueId a) { highest = std::max(highest, level[index_of(a)]); });
        return highest + own(id);
    }
    // Calls of that function whose earliest level it is.
    [[nodiscard]] int company(int level, Op op) const {
        const auto found = company_.find({level, op});
        return found == company_.end() ? 0 : found->second;
    }

    const UpdateProgram& program_;
    const std::vector<bool>& groupable_;
    std::vector<int> earliest_, latest_;
    std::map<std::pair<int, Op>, int> company_;
    int depth_ = 0;
};

}  // namespace

bool is_elementary_function(const Instruction& i) {
    return i.source == Source::operation &&
           (is_random(i.op) || i.op == Op::power || i.op == Op::x_over_expm1 || i.op == Op::exprel_slope ||
            i.op == Op::x_over_expm1_slope || i.op == Op::x_over_expm1_given || i.op == Op::exprel_near_0 ||
            i.op == Op::exprel_near_0_slope || (i.op >= Op::exp && i.op <= Op::arctan2));
}

std::vector<Variation> variations_of(const UpdateProgram& program) {
    std::vector<Variation> variations(program.step.size());
    for (std::size_t id = 0; id < program.step.size(); ++id) {
        Variation variation = variation_of_source(program.step[id]);
        for_each_operand(program, program.step[id], [&](ValueId a) {
            variation.lane = variation.lane || variations.at(index_of(a)).lane;
            variation.time = variation.time || variations.at(index_of(a)).time;
        });
        variations[id] = variation;
    }
    return variations;
}

std::vector<bool> live_values(const UpdateProgram& program, bool outputs, bool spikes) {
    std::vector<bool> live(program.step.size(), false);
    const auto mark = [&](ValueId id) { live.at(index_of(id)) = true; };
    for (const auto& state : program.states) mark(state.next);
    if (outputs) {
        for (const auto& output : program.outputs) mark(output.value);
    }
    if (spikes && program.spike != no_value) mark(program.spike);
    for (std::size_t id = program.step.size(); id-- > 0;) {
        if (live[id]) for_each_operand(program, program.step[id], mark);
    }
    return live;
}

std::vector<std::vector<ValueId>> emission_order(const UpdateProgram& program, const std::vector<bool>& emitted,
                                                 const std::vector<bool>& groupable, std::size_t largest_group) {
    const Levels levels(program, groupable);
    const auto level = levels.chosen();
    std::map<std::pair<int, Op>, std::vector<ValueId>> calls;
    std::vector<std::vector<ValueId>> others(static_cast<std::size_t>(levels.depth()) + 1);
    for (std::size_t id = 0; id < program.step.size(); ++id) {
        if (!emitted[id]) continue;
        auto& place =
            groupable[id] ? calls[{level[id], program.step[id].op}] : others[static_cast<std::size_t>(level[id])];
        place.push_back(static_cast<ValueId>(id));
    }
    std::vector<std::vector<ValueId>> order;
    for (int l = 0; l <= levels.depth(); ++l) {
        for (auto it = calls.lower_bound({l, Op{}}); it != calls.end() && it->first.first == l; ++it) {
            const auto& ids = it->second;
            for (std::size_t first = 0; first < ids.size(); first += largest_group) {
                const std::size_t last = std::min(first + largest_group, ids.size());
                order.emplace_back(ids.begin() + static_cast<std::ptrdiff_t>(first),
                                   ids.begin() + static_cast<std::ptrdiff_t>(last));
            }
        }
        for (const ValueId id : others[static_cast<std::size_t>(l)]) order.push_back({id});
    }
    return order;
}

bool worth_speculating(const UpdateProgram& program, const std::vector<bool>& live,
                       const std::vector<Variation>& variations) {
    // Longer programs keep more values than registers hold, in any order (measured: bench/gradient_bench.cpp).
    constexpr int most_operations = 300;
    constexpr int most_kept = 12;  // values of each lane that a step reads and that no step changes
    int operations = 0, kept = 0;
    bool has_usual_cases = false;
    std::vector<bool> counted(program.step.size());
    for (std::size_t id = 0; id < program.step.size(); ++id) {
        const Instruction& i = program.step[id];
        if (!live[id] || !variations[id].time || is_number(i)) continue;
        if (variations[id].lane) ++operations;
        for (const ValueId a : i.args) {
            if (a == no_value || counted[index_of(a)] || variations[index_of(a)].time || !variations[index_of(a)].lane)
                continue;
            counted[index_of(a)] = true;
            ++kept;
        }
        if (i.source == Source::adaptive || i.source == Source::matrix_exponential) return false;
        if (i.source != Source::operation) continue;
        if (i.op == Op::poisson) return false;
        has_usual_cases = has_usual_cases || i.op == Op::exprel || i.op == Op::exprel_near_0 ||
                          i.op == Op::exprel_near_0_slope || i.op == Op::x_over_expm1_given ||
                          i.op == Op::exprel_slope || i.op == Op::sin || i.op == Op::cos || i.op == Op::tan;
    }
    return has_usual_cases && operations <= most_operations && kept <= most_kept;
}

int chosen_interleave(const UpdateProgram& program, int width) {
    const auto work_of = [](const Code& code) {
        double work = 0;
        for (const Instruction& i : code) {
            if (i.stage == Stage::step) work += is_elementary_function(i) ? 15 : 1;
        }
        return work;
    };
    double work = work_of(program.step);
    if (program.adaptive)
        work +=
            work_of(program.adaptive->code) * static_cast<double>(embedded_pair(program.adaptive->tableau).stages());
    const int wanted = work < 100 ? 4 : work < 300 ? (width < 4 ? 4 : 2) : work < 1000 ? 2 : 1;
    // Beyond this many numbers that survive the step, registers spill (measured: bench/gradient_bench.cpp).
    constexpr int most_states = 24;
    const auto states = std::max(1, static_cast<int>(program.states.size()));
    int interleave = wanted;
    while (interleave > 1 && interleave * states > most_states) interleave /= 2;
    return interleave;
}

}  // namespace spikesmith::codegen
