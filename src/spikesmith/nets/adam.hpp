// Adam (Kingma & Ba 2015) with the gradient's norm clipped, in one pass over the parameters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "spikesmith/nets/instruction_set.hpp"

namespace spikesmith::nets {

struct AdamOptions {
    double learning_rate = 5e-4;
    double beta1 = 0.9;
    double beta2 = 0.999;
    double epsilon = 1e-8;
    double clip_max_norm = 5;  // of the whole gradient's Euclidean norm; infinity: no clipping
};

class Adam {
  public:
    // Throws ConfigError for options that make no sense.
    explicit Adam(std::size_t parameters, AdamOptions options = {},
                  InstructionSet instructions = instruction_sets().back());

    // One step against `gradient`, which is set to zero for the next one. Returns the norm before clipping. Throws
    // NumericalError if the norm is not finite; nothing is changed then.
    double step(std::span<float> parameters, std::span<float> gradient);

    // Everything that a continued training needs beside the parameters.
    struct State {
        std::uint64_t steps = 0;
        std::vector<float> first_moment;
        std::vector<float> second_moment;
    };
    [[nodiscard]] const State& state() const { return state_; }
    void set_state(State state);  // throws DataError for another size
    [[nodiscard]] const AdamOptions& options() const { return options_; }
    void set_learning_rate(double rate) { options_.learning_rate = rate; }

  private:
    AdamOptions options_;
    InstructionSet instructions_;
    State state_;
};

}  // namespace spikesmith::nets
