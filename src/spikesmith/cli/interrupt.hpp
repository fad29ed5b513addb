// Ctrl-C as a flag: while an InterruptGuard lives, the first SIGINT or SIGTERM sets a flag that long work looks at; a second one
// ends the program at once.
#pragma once

#include <atomic>

namespace spikesmith {

class InterruptGuard {
  public:
    InterruptGuard();
    ~InterruptGuard();
    InterruptGuard(const InterruptGuard&) = delete;
    InterruptGuard& operator=(const InterruptGuard&) = delete;

    // For FitOptions::cancelled and RunRequest::cancelled.
    [[nodiscard]] const std::atomic<bool>* flag() const;
    [[nodiscard]] bool interrupted() const { return flag()->load(); }
};

}  // namespace spikesmith
