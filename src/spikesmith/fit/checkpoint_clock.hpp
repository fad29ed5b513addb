// When checkpoints are written: not so often that it takes a noticeable share of the time. For the files of this room.
#pragma once

#include <algorithm>
#include <chrono>

namespace spikesmith {

class CheckpointClock {
  public:
    using Clock = std::chrono::steady_clock;

    explicit CheckpointClock(double seconds_at_least) : at_least_(seconds_at_least) {}
    [[nodiscard]] bool due() const { return first_ || seconds_since(last_) >= wait_; }
    void written(Clock::time_point start) {
        last_ = Clock::now();
        wait_ = std::max(at_least_, seconds_since(start) / share);
        first_ = false;
    }

  private:
    static constexpr double share = 0.05;  // of the time that writing may take
    static double seconds_since(Clock::time_point start) {
        return std::chrono::duration<double>(Clock::now() - start).count();
    }

    double at_least_;
    bool first_ = true;
    Clock::time_point last_;
    double wait_ = 0;
};

}  // namespace spikesmith
