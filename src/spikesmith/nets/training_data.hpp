// The data of a training run in the form the networks read, and the parts that all training losses share.
//
// A loss is a sum over the rows of a minibatch. Row i has an observation x_i and one or more candidates theta_i0,
// theta_i1, ...: one for maximum likelihood, the true one and its contrasts for atomic and classifier losses. The
// network's values v_im = v(theta_im, x_i) (log densities or log ratios) are handed to a loss function that answers with
// its sum and the derivative for each value; the network does the rest. What depends on x_i alone is computed once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "spikesmith/nets/instruction_set.hpp"

namespace spikesmith::nets {

// theta and x of a network's training set, scaled and with the change of variables done. Belongs to the scales of the
// network that prepared it (ConditionalDensity::prepare, RatioEstimator::prepare).
struct TrainingData {
    std::size_t samples = 0;
    std::size_t theta_inputs = 0;           // D
    std::size_t x_inputs = 0;               // C, with the flags of missing values 2 C
    std::vector<float> theta;               // samples x theta_inputs
    std::vector<float> x;                   // samples x x_inputs
    std::vector<double> log_volume_change;  // log |d network variables / d theta| of each sample

    // More samples, such as those of another round, behind those that are there.
    void append(const TrainingData& more);
};

// A minibatch. `x` has the rows' indices into the data, `theta` the candidates' indices, one candidate after the other:
// theta[m * x.size() + i]. `rows_x`, if not empty, holds x.size() rows of x_inputs values to be used instead of the
// data's: the outputs of an embedding network of one's own; their derivatives are then added to `rows_x_gradient`.
struct Minibatch {
    std::span<const std::uint32_t> x;
    std::span<const std::uint32_t> theta;
    std::span<const float> rows_x = {};
    std::span<float> rows_x_gradient = {};
    std::uint64_t dropout_key = 0;  // another key for every step of training; 0: no dropout
};

// Values of the rows first ... first + count - 1 of a minibatch: values[m * count + k] belongs to candidate m of row
// first + k. Fills `derivatives` likewise and returns the rows' part of the loss. Rows arrive in order.
using PairLoss = std::function<double(std::size_t first, std::size_t count, std::span<const double> values,
                                      std::span<double> derivatives)>;

// Scratch memory of evaluations. Give each thread its own and reuse it: after the first call of a size
// training steps and evaluations allocate nothing.
class Workspace {
  public:
    Workspace();                                      // the widest instructions of this machine
    explicit Workspace(InstructionSet instructions);  // throws Error where the machine does not have them
    ~Workspace();
    Workspace(Workspace&&) noexcept;
    Workspace& operator=(Workspace&&) noexcept;
    Workspace(const Workspace&) = delete;
    Workspace& operator=(const Workspace&) = delete;

    struct Memory;
    [[nodiscard]] Memory& memory() { return *memory_; }

  private:
    std::unique_ptr<Memory> memory_;
};

// v_im with m = 0 the truth, per row: -(v_i0 - logsumexp_m v_im), the loss of atomic posterior estimation and of ratio
// estimation type B, averaged over `batch` rows. `subtract`, if not empty, holds log p(theta) of every sample of the
// data and is taken from the values first. `also_likelihood`, if not empty, holds a flag for every sample of the data:
// where it is set for the row's own sample, -v_i0 is added with that weight (1: the combined loss).
[[nodiscard]] PairLoss contrastive_loss(const Minibatch& batch, std::span<const double> subtract = {},
                                        std::span<const std::uint8_t> also_likelihood = {},
                                        double likelihood_weight = 1);

// -mean v_i0.
[[nodiscard]] PairLoss likelihood_loss(const Minibatch& batch);

}  // namespace spikesmith::nets
