// Posterior: what is known about the parameters after an observation.
//
//     Posterior posterior(prior, inference.estimator(), observation);
//     Array2 theta = posterior.sample(10000, seed);          // n x D, SI
//     std::vector<double> log_p = posterior.log_prob(theta);
//     Modes modes = posterior.map();
//     posterior.save("posterior.spk");  Posterior again = Posterior::load("posterior.spk");
//
// Values: copies share their networks. Nothing leaves the prior's support, so nothing is rejected. Same seed, same samples, bit
// for bit, for any number of threads, also after saving and loading; the first m of n samples are those that m would give
// (direct and rejection).
//
// The file: docs/posterior_format.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spikesmith/infer/chains.hpp"
#include "spikesmith/infer/estimator.hpp"
#include "spikesmith/infer/prior.hpp"

namespace spikesmith {

enum class SampleMethod {
    automatic,  // direct for posterior networks, chains for the others
    direct,     // posterior networks only
    chains,     // Markov chains
    rejection,  // from the prior (or posterior networks); exact, but slow where the posterior is narrow
};

struct PosteriorOptions {
    SampleMethod sample_with = SampleMethod::automatic;
    ChainOptions chains{};     // its seed is that of `sample`
    std::size_t pool = 10000;  // points of the prior among which chains choose where to start; also for MAP
    std::size_t max_proposals = 10'000'000;  // rejection: NumericalError when so many were not enough
};

struct MapOptions {
    std::size_t num_starts = 50;  // the best of the pool
    std::size_t max_steps = 200;  // of each
    std::uint64_t seed = 0;
};

struct Mode {
    std::vector<double> theta;  // SI
    double log_density = 0;     // of theta, as log_prob gives it
    std::size_t starts = 0;     // searches that ended here
};

struct Modes {
    std::vector<Mode> modes;  // highest first; the first is the maximum a posteriori
    std::size_t evaluations = 0;
};

class Posterior {
  public:
    // `observation`: one row, or several independent ones (estimator.hpp). Throws DataError as ConditionedEstimator does, ConfigError for options that
    // do not fit the estimator.
    Posterior(Prior prior, std::shared_ptr<const Estimator> estimator, const Array2& observation,
              PosteriorOptions options = {});
    Posterior(Prior prior, std::shared_ptr<const Estimator> estimator, const std::vector<double>& observation,
              PosteriorOptions options = {});

    [[nodiscard]] const Prior& prior() const { return prior_; }
    [[nodiscard]] const Estimator& estimator() const { return conditioned_->estimator(); }
    [[nodiscard]] const ConditionedEstimator& conditioned() const { return *conditioned_; }
    [[nodiscard]] const Array2& observation() const { return conditioned_->x(); }
    [[nodiscard]] const PosteriorOptions& options() const { return options_; }
    // The posterior of another observation by the same networks.
    [[nodiscard]] Posterior given(const Array2& observation) const;
    [[nodiscard]] Posterior given(const std::vector<double>& observation) const;
    [[nodiscard]] Posterior with(const PosteriorOptions& options) const;

    // n x D. Throws NumericalError if chains find no start or rejection finds too little, Interrupted when cancelled.
    [[nodiscard]] Array2 sample(std::size_t n, std::uint64_t seed = 0, const SamplingControl& control = {}) const;
    // The same with what chains say about themselves; `samples` are theta.
    [[nodiscard]] ChainSamples sample_with_chains(std::size_t n, std::uint64_t seed = 0,
                                                  const SamplingControl& control = {}) const;

    // log p(theta | x) of each row; -infinity outside the prior. Normalised for posterior networks; else up to a constant.
    [[nodiscard]] std::vector<double> log_prob(const Array2& theta) const;
    [[nodiscard]] bool normalized() const { return conditioned_->normalized(); }

    // Searches uphill from many starts with the analytic gradient (BFGS), and gives every distinct maximum of the density of theta.
    [[nodiscard]] Modes map(const MapOptions& options = {}, const SamplingControl& control = {}) const;

    void save(const std::filesystem::path& path) const;
    // Throws DataError: not such a file, damaged, of a later version.
    [[nodiscard]] static Posterior load(const std::filesystem::path& path);
    [[nodiscard]] std::string to_bytes() const;
    [[nodiscard]] static Posterior from_bytes(std::string_view bytes, const std::string& source_name);

  private:
    [[nodiscard]] Array2 reject(std::size_t n, std::uint64_t seed, const SamplingControl& control) const;

    Prior prior_;
    std::shared_ptr<const Estimator> estimator_;
    std::shared_ptr<const ConditionedEstimator> conditioned_;
    PosteriorOptions options_;
};

[[nodiscard]] SampleMethod sample_method(
    std::string_view name);  // "direct", "mcmc" or "chains", "rejection", "automatic"

}  // namespace spikesmith
