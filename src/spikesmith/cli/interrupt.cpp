#include "spikesmith/cli/interrupt.hpp"

#include <csignal>

namespace spikesmith {
namespace {

// A signal handler can reach nothing but a global.
std::atomic<bool> interrupt_requested{false};  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void request_interrupt(int signal_number) {
    interrupt_requested.store(true);
    std::signal(signal_number, SIG_DFL);
}

}  // namespace

InterruptGuard::InterruptGuard() {
    interrupt_requested.store(false);
    std::signal(SIGINT, request_interrupt);
    std::signal(SIGTERM, request_interrupt);
}

InterruptGuard::~InterruptGuard() {
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
}

const std::atomic<bool>* InterruptGuard::flag() const {
    return &interrupt_requested;
}

}  // namespace spikesmith
