// The box in which TuRBO searches: it is centred on the best point, stretched like the surrogate's length scales, doubled
// after repeated success, halved after failure, and given up when it is tiny.
//
//   D. Eriksson, M. Pearce, J. Gardner, R. Turner, M. Poloczek: NeurIPS (2019), section 2 and appendix
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

namespace spikesmith {

class TrustRegion {
  public:
    explicit TrustRegion(std::size_t dimension) : dimension_(dimension) {}

    // A round of `n` told points, which lowered the best error or did not.
    void note(bool improved, std::size_t n) {
        if (improved) {
            failures_ = 0;
            if (++successes_ == 3) {
                length_ = std::min(2 * length_, 1.6);
                successes_ = 0;
            }
            return;
        }
        successes_ = 0;
        failures_ += n;
        if (failures_ < std::max<std::size_t>(4, dimension_)) return;
        length_ /= 2;
        failures_ = 0;
    }

    [[nodiscard]] bool exhausted() const { return length_ < 1.0 / 128; }
    [[nodiscard]] double length() const { return length_; }

    // The box in the unit cube; its volume before it is cut there is length**dimension.
    void box(std::span<const double> center, std::span<const double> length_scales, std::vector<double>& low,
             std::vector<double>& high) const {
        double log_mean = 0;
        for (const double l : length_scales) log_mean += std::log(l) / static_cast<double>(dimension_);
        for (std::size_t j = 0; j < dimension_; ++j) {
            const double half = 0.5 * length_ * length_scales[j] / std::exp(log_mean);
            low[j] = std::max(center[j] - half, 0.0);
            high[j] = std::min(center[j] + half, 1.0);
        }
    }

  private:
    std::size_t dimension_;
    double length_ = 0.8;
    std::size_t successes_ = 0;  // rounds in a row
    std::size_t failures_ = 0;   // points in a row
};

}  // namespace spikesmith
