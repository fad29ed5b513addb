// Walkers: samplers and searches written as straight code, run together so that a density is evaluated at many points at once.
//
//     Walker climb(std::vector<double> point) {
//         Evaluation here = co_await at(point);
//         ... decide, move, co_await again ...
//     }
//
// `walk_together` collects the points at which the walkers wait, evaluates them in one call, and lets each walk on. A walker
// that has ended costs nothing more. What a walker does depends on its own evaluations only, so results are the same for any
// number of threads. Parameters of a coroutine must be values or outlive it.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "spikesmith/core/array.hpp"

namespace spikesmith {

// The logarithm of a density up to a constant at the rows of `points`; its gradients too, unless that is null (else it has the
// shape of `points`). -infinity where the density vanishes; a NaN counts as that. Called from several threads at once.
using LogDensity = std::function<void(const Array2& points, std::span<double> values, Array2* gradients)>;

struct Evaluation {
    double value = 0;
    std::vector<double> gradient;  // empty if it was not asked for
};

class Walker {
  public:
    struct promise_type {
        std::vector<double> point;
        Evaluation evaluation;
        std::exception_ptr exception;

        Walker get_return_object() { return Walker(std::coroutine_handle<promise_type>::from_promise(*this)); }
        static std::suspend_never initial_suspend() noexcept { return {}; }
        static std::suspend_always final_suspend() noexcept { return {}; }
        static void return_void() {}
        void unhandled_exception() { exception = std::current_exception(); }
    };

    Walker(Walker&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Walker& operator=(Walker&& other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    Walker(const Walker&) = delete;
    Walker& operator=(const Walker&) = delete;
    ~Walker() {
        if (handle_) handle_.destroy();
    }

    [[nodiscard]] bool done() const;  // throws what the walker threw
    [[nodiscard]] const std::vector<double>& point() const { return handle_.promise().point; }
    void resume(Evaluation evaluation);

  private:
    explicit Walker(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
    std::coroutine_handle<promise_type> handle_;
};

// `co_await at(point)` gives the Evaluation there.
class at {
  public:
    explicit at(const std::vector<double>& point) : point_(&point) {}
    static bool await_ready() noexcept { return false; }
    void await_suspend(std::coroutine_handle<Walker::promise_type> handle) {
        promise_ = &handle.promise();
        promise_->point = *point_;
    }
    [[nodiscard]] Evaluation await_resume() { return std::move(promise_->evaluation); }

  private:
    const std::vector<double>* point_;
    Walker::promise_type* promise_ = nullptr;
};

// Runs `n` walkers, the i-th made by `make(i)`, to their end. `make` and the walkers run in several threads, in blocks of at
// most `block` walkers. Returns how often the density was evaluated.
std::size_t walk_together(std::size_t n, const std::function<Walker(std::size_t)>& make, const LogDensity& density,
                          bool gradients, std::size_t block = 64);

}  // namespace spikesmith
