// Arithmetic without subnormal numbers while networks compute (internal).
//
// A contrast that is far from the data has a share of 1e-40 in the loss. Such numbers mean nothing, but x86 processors take a hundred times
// as long for each, and through the backward pass they spread over whole blocks. Other processors have no such penalty and are left
// as they are. The functions of all vector widths obey the same setting, so their bits stay the same.
#pragma once

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

namespace spikesmith::nets {

// While it lives, in its thread, subnormal numbers read or made are zero. The setting before is restored.
class SubnormalsAreZero {
  public:
#if defined(__SSE__)
    SubnormalsAreZero() : before_(_mm_getcsr()) {
        constexpr unsigned int flush_results = 0x8000;
        constexpr unsigned int zero_inputs = 0x0040;
        _mm_setcsr(before_ | flush_results | zero_inputs);
    }
    ~SubnormalsAreZero() {
        _mm_setcsr(before_);
    }
#else
    SubnormalsAreZero() {}
    ~SubnormalsAreZero() {}
#endif
    SubnormalsAreZero(const SubnormalsAreZero&) = delete;
    SubnormalsAreZero& operator=(const SubnormalsAreZero&) = delete;

#if defined(__SSE__)
  private:
    unsigned int before_;
#endif
};

}  // namespace spikesmith::nets
