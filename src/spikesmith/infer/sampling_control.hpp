// How the drawing of samples is watched and stopped.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <mutex>

namespace spikesmith {

struct SamplingControl {
    // What is done and what there is to do: samples, or steps of all chains. About two hundred times in all, from several threads but never at
    // once, and never less than before.
    std::function<void(std::size_t done, std::size_t total)> progress{};
    const std::atomic<bool>* cancelled = nullptr;  // then Interrupted is thrown
};

// Counts what is done, for several threads; outlives them.
class SamplingWatch {
  public:
    SamplingWatch(const SamplingControl& control, std::size_t total) : control_(&control), total_(total) {}

    // Throws Interrupted if the work was cancelled.
    void add(std::size_t done);

  private:
    const SamplingControl* control_;
    std::size_t total_;
    std::atomic<std::size_t> done_ = 0;
    std::mutex mutex_;
    std::size_t shown_ = 0;
};

}  // namespace spikesmith
