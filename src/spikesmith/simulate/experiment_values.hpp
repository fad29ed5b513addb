// ExperimentValues: what the states and parameters of all candidates are, and how they return to where they began. For Simulation only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "spikesmith/model/model.hpp"
#include "spikesmith/numerics/interpreter.hpp"
#include "spikesmith/numerics/update_program.hpp"

namespace spikesmith {

// A state, a parameter (an input is one, too), or what a program must remember besides (hidden).
struct ExperimentVariable {
    enum class Kind : std::uint8_t { state, parameter, hidden } kind = Kind::state;
    std::string name;
    ValueType type = ValueType::real;
    bool given = false;     // set since the last return to the model's initial values
    bool has_value = true;  // else NaN
    bool stored_has_value = true;
    std::vector<double> values, stored;  // per candidate
};

class ExperimentValues {
  public:
    using Kind = ExperimentVariable::Kind;
    static constexpr auto npos = static_cast<std::size_t>(-1);

    // `model`: all that may be set is a parameter or a state of it (with_inputs_as_parameters).
    ExperimentValues(const Model& model, double dt, std::size_t n_candidates);
    // States of the model's program that are none of the model.
    void add_hidden(const UpdateProgram& program);

    [[nodiscard]] std::size_t index_of(std::string_view name) const;  // npos: there is none
    [[nodiscard]] ExperimentVariable& operator[](std::size_t index) { return variables_[index]; }
    [[nodiscard]] const ExperimentVariable& operator[](std::size_t index) const { return variables_[index]; }
    // One that users may set and read. Throws ConfigError with the nearest name for others.
    [[nodiscard]] ExperimentVariable& visible(std::string_view name);
    [[nodiscard]] bool is_visible(std::string_view name) const;
    // Parameters without a value, but those in `driven`.
    [[nodiscard]] std::vector<std::string> missing(const std::set<std::string>& driven) const;
    [[nodiscard]] std::map<std::string, std::vector<double>> parameters() const;

    void set(std::string_view name, std::span<const double> values);
    // Before `start`, values that are not set follow from those that are: computes them, where anything has changed. `lane` says what
    // keys the random numbers of a candidate have.
    using Lane = std::function<LaneContext(std::size_t candidate)>;
    void follow(const Lane& lane);
    void start() { started_ = true; }

    // After `follow`:
    void store();
    void return_to_start(bool parameters);     // to what was stored, or to the initial values of the model
    void move_clock_back(std::int64_t steps);  // times of the past and of the near future move with it
    void forget();                             // as if nothing had been set or stored

  private:
    void add(Kind kind, const std::string& name, ValueType type);
    void reset_hidden();

    const Model* model_;
    double dt_;
    std::size_t n_candidates_;
    std::vector<ExperimentVariable> variables_;
    std::map<std::string, std::size_t, std::less<>> index_;
    std::map<std::set<std::string>, UpdateProgram> initial_programs_;  // by the names that are given
    bool started_ = false;
    bool outdated_ = true;
    bool stored_ = false;
};

// Every candidate is a population of its own: `i` is 0 and `N` is 1.
void make_alone(Code& code);

}  // namespace spikesmith
