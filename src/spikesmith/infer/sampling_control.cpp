#include "spikesmith/infer/sampling_control.hpp"

#include "spikesmith/core/error.hpp"

namespace spikesmith {

void SamplingWatch::add(std::size_t done) {
    if (control_->cancelled != nullptr && control_->cancelled->load())
        throw Interrupted("the sampling was interrupted");
    done_ += done;
    if (!control_->progress) return;
    const std::scoped_lock lock(mutex_);
    const std::size_t now = done_;
    if (now <= shown_ || (now - shown_ < total_ / 200 && now < total_)) return;
    shown_ = now;
    control_->progress(now, total_);
}

}  // namespace spikesmith
