// RandomStream: random numbers drawn one after the other, for optimisers and initial designs on the host.
//
// Philox keyed by (seed, purpose): streams of different seeds or purposes are independent of each other and of the
// random draws of simulations (philox.hpp). The state is one number, the position, so a stream can be saved, resumed
// and replayed.
#pragma once

#include <cstdint>

namespace spikesmith::math {

class RandomStream {
  public:
    // `purpose` below 2^63.
    RandomStream(std::uint64_t seed, std::uint64_t purpose) : seed_(seed), purpose_(purpose) {}

    double next_uniform();                      // in [0, 1)
    double next_normal();                       // mean 0, variance 1
    std::uint64_t next_index(std::uint64_t n);  // 0 ... n - 1, each exactly as likely; throws Error for n = 0

    [[nodiscard]] std::uint64_t position() const { return position_; }
    void set_position(std::uint64_t position) { position_ = position; }

  private:
    std::uint64_t seed_;
    std::uint64_t purpose_;
    std::uint64_t position_ = 0;
};

}  // namespace spikesmith::math
