// PairNetwork: scaling, embedding and body together, run over blocks of samples (internal). What ConditionalDensity and
// RatioEstimator have in common.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <variant>
#include <vector>

#include "spikesmith/nets/body.hpp"
#include "spikesmith/nets/embedding.hpp"
#include "spikesmith/nets/scaling.hpp"
#include "spikesmith/nets/specification.hpp"
#include "spikesmith/nets/tape.hpp"
#include "spikesmith/nets/training_data.hpp"

namespace spikesmith::nets {

class PairNetwork {
  public:
    using Specification = std::variant<DensitySpecification, RatioSpecification>;

    PairNetwork(Specification specification, std::uint64_t seed);

    [[nodiscard]] const Specification& specification() const { return specification_; }
    [[nodiscard]] std::uint64_t seed() const { return seed_; }
    [[nodiscard]] std::vector<float> initial_parameters() const;
    [[nodiscard]] std::size_t parameters() const { return builder_.parameters; }
    [[nodiscard]] const Body& body() const { return *body_; }

    [[nodiscard]] TrainingData prepare(std::span<const double> theta, std::span<const double> x) const;
    double accumulate(std::span<const float> parameters, const TrainingData& data, const Minibatch& batch,
                      const PairLoss& loss, std::span<float> gradient, Workspace& workspace) const;

    // For losses of what depends on x alone: `visit` sees the tape after Body::observe for the rows first ... first + count - 1 (lanes
    // 0 ... count - 1), and sets the gradients of context rows there, which are zero before.
    void accumulate_by_x(std::span<const float> parameters, const TrainingData& data, const Minibatch& batch,
                         const std::function<void(Tape& tape, std::size_t first, std::size_t count)>& visit,
                         std::span<float> gradient, Workspace& workspace) const;

    // Gradients may be empty.
    void evaluate(std::span<const float> parameters, std::span<const double> theta, std::span<const double> x,
                  std::span<double> result, std::span<double> theta_gradient, std::span<double> x_gradient,
                  Workspace& workspace) const;

    // What depends on x alone, and calls that use it.
    [[nodiscard]] std::vector<float> observe(std::span<const float> parameters, std::span<const double> x,
                                             Workspace& workspace) const;
    void evaluate_observed(std::span<const float> parameters, std::span<const float> context,
                           std::span<const double> theta, std::span<double> result, std::span<double> theta_gradient,
                           Workspace& workspace) const;
    void sample_observed(std::span<const float> parameters, std::span<const float> context, std::span<double> theta,
                         std::uint64_t seed, std::uint64_t first, Workspace& workspace) const;

  private:
    [[nodiscard]] std::size_t block_size(std::size_t samples, std::size_t repeats) const;
    Tape& begin(const float* parameters, Workspace& workspace, std::size_t block, std::size_t repeats) const;
    void check_batch(const TrainingData& data, const Minibatch& batch, std::span<const float> gradient) const;
    void put_x(const TrainingData& data, const Minibatch& batch, std::size_t first, std::size_t count,
               Tape& tape) const;
    void spread(std::span<const float> context, Tape& tape) const;
    // Values of the block's lanes plus the volumes; gradients by theta where wanted.
    void finish_block(const float* parameters, Workspace::Memory& memory, std::span<const double> theta,
                      std::span<double> result, std::span<double> theta_gradient) const;
    void put_theta(Workspace::Memory& memory, std::span<const double> theta) const;
    void put_noise(Tape& tape, std::uint64_t seed, std::uint64_t first_sample) const;
    void check_theta(std::span<const double> theta, std::size_t results) const;

    Specification specification_;
    std::uint64_t seed_ = 0;
    Scaling scaling_;
    Builder builder_;
    RowList theta_rows_;
    std::uint32_t noise_spare_ = 0;  // a wide row for a random number of no use
    std::unique_ptr<EmbeddingNetwork> embedding_;
    std::unique_ptr<Body> body_;
};

}  // namespace spikesmith::nets
