#include <cmath>

#include "spikesmith/math/elementary.hpp"
#include "spikesmith/math/philox.hpp"

namespace spikesmith::math {

namespace {

using Scalar = ScalarOperations<double>;

// A sequence of uniform numbers of its own for one draw: the random words of the place are key and counter of a second
// generator.
class Sequence {
  public:
    explicit Sequence(const RandomKey& at) : start_(philox(Scalar(), at.counter(), at.key())) {}

    // Two numbers in [0, 1).
    std::array<double, 2> next() {
        const auto words = philox(Scalar(), {index_++, start_[2], start_[3], 0}, {start_[0], start_[1]});
        return {detail::uniform_of_two(Scalar(), words[0], words[1]),
                detail::uniform_of_two(Scalar(), words[2], words[3])};
    }

  private:
    Words<Scalar> start_;
    std::uint32_t index_ = 0;
};

constexpr int most_rounds = 2000;  // never reached: a round ends the search with probability 0.7 or more

double by_products(double lambda, Sequence& random) {
    const Scalar b;
    const double limit = exp(b, -lambda);
    double product = 1;
    double count = 0;
    for (int round = 0; round < most_rounds; ++round) {
        for (const double u : random.next()) {
            product *= 1 - u;
            if (product <= limit) return count;
            count += 1;
        }
    }
    return count;
}

// log of lambda^k * e^-lambda / k! for lambda >= 10, without cancellation for large k.
double log_probability(double k, double lambda) {
    const Scalar b;
    if (k < 16) {
        double factorial = 1;
        for (double i = 2; i <= k; ++i) factorial *= i;
        return k * log(b, lambda) - lambda - log(b, factorial);
    }
    // Stirling's series; k*log(k/lambda) - (k - lambda) is small where it matters
    const double excess = k - lambda;
    const double reciprocal = 1 / k;
    const double square = reciprocal * reciprocal;
    const double series =
        reciprocal * (1.0 / 12 - square * (1.0 / 360 - square * (1.0 / 1260 - square * (1.0 / 1680))));
    return excess - k * log1p(b, excess / lambda) - 0.5 * log(b, 6.283185307179586 * k) - series;
}

double by_rejection(double lambda, Sequence& random) {  // PTRS, constants from the paper
    const Scalar b;
    const double width = 0.931 + 2.53 * std::sqrt(lambda);
    const double a = -0.059 + 0.02483 * width;
    const double inverse_alpha = 1.1239 + 1.1328 / (width - 3.4);
    const double quick = 0.9277 - 3.6224 / (width - 2);
    for (int round = 0; round < most_rounds; ++round) {
        const auto uniforms = random.next();
        const double u = uniforms[0] - 0.5;
        const double v = 1 - uniforms[1];
        const double distance = 0.5 - std::fabs(u);
        if (distance <= 0) continue;
        const double k = std::floor((2 * a / distance + width) * u + lambda + 0.43);
        if (distance >= 0.07 && v <= quick) return k;
        if (k < 0 || (distance < 0.013 && v > distance)) continue;
        if (log(b, v * inverse_alpha / (a / (distance * distance) + width)) <= log_probability(k, lambda)) return k;
    }
    return std::floor(lambda);
}

}  // namespace

double poisson(double lambda, const RandomKey& at) {
    if (std::isnan(lambda)) return lambda;
    if (lambda <= 0) return 0;
    if (std::isinf(lambda)) return lambda;
    if (lambda >= 0x1p50) return std::floor(lambda + std::sqrt(lambda) * normal(at) + 0.5);
    Sequence random(at);
    return lambda < 10 ? by_products(lambda, random) : by_rejection(lambda, random);
}

double poisson_at(double lambda, std::uint64_t seed, std::uint32_t step, std::uint32_t sample, std::uint32_t trace,
                  std::uint32_t site) {
    return poisson(lambda, {.seed = seed, .step = step, .sample = sample, .trace = trace, .site = site});
}

}  // namespace spikesmith::math
