#include "spikesmith/numerics/dependence.hpp"

#include <algorithm>

#include "spikesmith/numerics/linearisation.hpp"

namespace spikesmith {
namespace {

// Adds `more`; says whether that changed anything.
bool join(Pattern& pattern, const Pattern& more) {
    bool changed = false;
    for (std::size_t k = 0; k < pattern.size(); ++k) {
        if (!more[k] || pattern[k]) continue;
        pattern[k] = true;
        changed = true;
    }
    return changed;
}

class Analysis {
  public:
    Analysis(const UpdateProgram& program, const std::vector<std::int32_t>& parameters, Influence influence)
        : program_(program), influence_(influence), parameters_(parameters), none_(parameters.size(), false) {
        result_.states.assign(program.states.size(), none_);
        result_.init.assign(program.init.size(), none_);
        result_.step.assign(program.step.size(), none_);
        if (program.adaptive) {
            result_.solver.assign(program.adaptive->code.size(), none_);
            result_.solver_states.assign(program.adaptive->states.size(), none_);
        }
    }

    Dependence run() {
        propagate(program_.init, result_.init);
        for (std::size_t s = 0; s < program_.states.size(); ++s)
            join(result_.states[s], at(result_.init, program_.states[s].initial));
        for (bool changed = true; changed;) {
            changed = false;
            propagate(program_.step, result_.step);
            if (program_.adaptive && solve()) changed = true;
            for (std::size_t s = 0; s < program_.states.size(); ++s)
                changed = join(result_.states[s], at(result_.step, program_.states[s].next)) || changed;
        }
        return std::move(result_);
    }

  private:
    static const Pattern& at(const std::vector<Pattern>& patterns, ValueId id) {
        return patterns[static_cast<std::size_t>(id)];
    }

    void propagate(const Code& code, std::vector<Pattern>& patterns) const {
        for (std::size_t v = 0; v < code.size(); ++v) {
            const Instruction& i = code[v];
            const auto index = static_cast<std::size_t>(i.index);
            Pattern& own = patterns[v];
            switch (i.source) {
                case Source::operation:
                case Source::fused:
                    for (std::size_t k = 0; k < i.args.size(); ++k) {
                        if (i.args[k] != no_value && (influence_ == Influence::any || has_derivative(i, k)))
                            join(own, at(patterns, i.args[k]));
                    }
                    break;
                case Source::parameter:
                    for (std::size_t k = 0; k < parameters_.size(); ++k) own[k] = own[k] || parameters_[k] == i.index;
                    break;
                case Source::state:
                    join(own, result_.states[index]);
                    break;
                case Source::matrix_exponential:
                    for (const ValueId e : program_.matrix_exponentials[static_cast<std::size_t>(i.args[0])].entries)
                        join(own, at(patterns, e));
                    break;
                case Source::adaptive:
                case Source::solver_state:
                    join(own, result_.solver_states[index]);
                    break;
                case Source::outer:
                    join(own, at(result_.step, i.args[0]));
                    break;
                default:
                    break;
            }
        }
    }

    // Joins what the solver's states come to depend on; says whether that is more than before.
    bool solve() {
        const AdaptiveSolve& solver = *program_.adaptive;
        bool grown = false;
        for (bool changed = true; changed;) {
            changed = false;
            propagate(solver.code, result_.solver);
            for (std::size_t s = 0; s < solver.states.size(); ++s) {
                changed = join(result_.solver_states[s], at(result_.step, solver.start[s])) || changed;
                changed = join(result_.solver_states[s], at(result_.solver, solver.derivative[s])) || changed;
                if (influence_ == Influence::any && solver.threshold != no_value)
                    changed = join(result_.solver_states[s], at(result_.solver, solver.threshold)) || changed;
            }
            grown = grown || changed;
        }
        return grown;
    }

    const UpdateProgram& program_;
    Influence influence_;
    const std::vector<std::int32_t>& parameters_;
    Pattern none_;
    Dependence result_;
};

}  // namespace

bool any(const Pattern& pattern) {
    return std::find(pattern.begin(), pattern.end(), true) != pattern.end();
}

std::vector<bool> values_behind(const UpdateProgram& program, const std::vector<ValueId>& wanted) {
    std::vector<bool> needed(program.step.size(), false);
    bool changed = false;
    const auto need = [&](ValueId v) {
        changed = changed || !needed[static_cast<std::size_t>(v)];
        needed[static_cast<std::size_t>(v)] = true;
    };
    std::for_each(wanted.begin(), wanted.end(), need);
    do {
        changed = false;
        for (std::size_t v = needed.size(); v-- > 0;) {
            if (!needed[v]) continue;
            const Instruction& i = program.step[v];
            if (i.source == Source::operation || i.source == Source::fused) {
                for (std::size_t k = 0; k < i.args.size(); ++k) {
                    if (i.args[k] != no_value && has_derivative(i, k)) need(i.args[k]);
                }
            } else if (i.source == Source::state) {
                need(program.states[static_cast<std::size_t>(i.index)].next);
            } else if (i.source == Source::matrix_exponential) {
                for (const ValueId e : program.matrix_exponentials[static_cast<std::size_t>(i.args[0])].entries)
                    need(e);
            } else if (i.source == Source::adaptive) {
                for (const ValueId s : program.adaptive->start) need(s);
                for (const auto& inner : program.adaptive->code) {
                    if (inner.source == Source::outer) need(inner.args[0]);
                }
            }
        }
    } while (changed);
    return needed;
}

Dependence dependence_on(const UpdateProgram& program, const std::vector<std::int32_t>& parameters,
                         Influence influence) {
    return Analysis(program, parameters, influence).run();
}

}  // namespace spikesmith
