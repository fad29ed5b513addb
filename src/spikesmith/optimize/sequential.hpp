// Searches written as straight code, run as an optimiser that asks for batches.
//
// A local search reads best as a loop that evaluates points and decides. Written as a coroutine it can wait for a
// batch:
//
//     Search halve(std::vector<double> point) {
//         Recommendation best{point, infinity};
//         for (...) {
//             Request request(point.size());
//             request.need(...);                                  // any number of points
//             const Answers answers = co_await evaluate(request);
//             ... answers.needed[0] ...
//         }
//         co_return best;
//     }
//
// A search may contain others: `while (!inner.done()) { const Answers a = co_await evaluate(inner.request());
// inner.resume(a); }`. Parameters of a coroutine must be values, since they outlive the call.
//
// `sequential_optimizer` runs any number of searches side by side, so that a batch of any size is filled:
//   1. points that running searches need, oldest search first;
//   2. their optional points (guesses of what they need next);
//   3. points of further searches, which start at: a told foreign point better than all others; the middle of the box;
//      then the points of a Sobol design (designs.hpp).
// A search that has ended makes room for others. Errors that were not finite arrive as +infinity. Finite ones arrive
// divided by a reference and rounded to ten digits (error_scale.hpp), so that the unit of the error does not matter.
//
// For a planned batch of b points the points of one batch are all made from what is known when its first is asked for,
// so a batch may be asked and told in any parts. Unknown batch: every point is made from all that is known.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/optimize/error_scale.hpp"
#include "spikesmith/optimize/optimizer.hpp"

namespace spikesmith {

// What a search waits for: points of the unit cube.
struct Request {
    Array2 needed;           // at least one row
    Array2 optional;         // evaluated where a batch has room, most useful first
    bool gradients = false;  // of the needed points too; for searches whose caller has them (minimize.hpp)

    explicit Request(std::size_t dimension = 0) : needed(0, dimension), optional(0, dimension) {}
    // Both return the row.
    std::size_t need(std::span<const double> point);
    std::size_t wish(std::span<const double> point);
};

// Normalised errors, finite or +infinity; of optional points NaN where they were not evaluated.
struct Answers {
    std::vector<double> needed;
    std::vector<double> optional;
    Array2 gradients{};  // needed points x coordinates, where they were asked for
};

// A running search: a coroutine that waits for answers to `request()` until it is `done()`.
class Search {
  public:
    struct promise_type {
        Request request;
        Answers answers;
        Recommendation result;
        std::exception_ptr exception;

        Search get_return_object() { return Search(std::coroutine_handle<promise_type>::from_promise(*this)); }
        static std::suspend_never initial_suspend() noexcept { return {}; }
        static std::suspend_always final_suspend() noexcept { return {}; }
        void return_value(Recommendation value) { result = std::move(value); }
        void unhandled_exception() { exception = std::current_exception(); }
    };

    Search(Search&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Search& operator=(Search&& other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    Search(const Search&) = delete;
    Search& operator=(const Search&) = delete;
    ~Search() {
        if (handle_) handle_.destroy();
    }

    [[nodiscard]] bool done() const;  // throws what the search threw
    [[nodiscard]] const Request& request() const { return handle_.promise().request; }
    [[nodiscard]] const Recommendation& result() const { return handle_.promise().result; }  // once done
    void resume(Answers answers);

  private:
    explicit Search(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
    std::coroutine_handle<promise_type> handle_;
};

// `co_await evaluate(request)` gives the Answers.
class evaluate {
  public:
    explicit evaluate(Request request) : request_(std::move(request)) {}
    static bool await_ready() noexcept { return false; }
    void await_suspend(std::coroutine_handle<Search::promise_type> handle) {
        promise_ = &handle.promise();
        promise_->request = std::move(request_);
    }
    [[nodiscard]] Answers await_resume() { return std::move(promise_->answers); }

  private:
    Request request_;
    Search::promise_type* promise_ = nullptr;
};

// Where a search starts.
struct SearchStart {
    std::uint64_t number = 0;     // of the search: 0, 1, ...
    std::vector<double> point;    // in the unit cube
    std::optional<double> error;  // of the point, normalised, where known
    std::size_t batch = 1;        // points that are evaluated at once
    std::uint64_t seed = 0;
    bool hasty = true;  // fewer batches are worth more evaluations, since little else would be done with these
    std::shared_ptr<ErrorScale> scale{};  // that normalises, for errors that come from elsewhere
};

using MakeSearch = std::function<Search(const SearchStart&)>;

// An optimiser named `name` that runs searches as described above. `side_by_side`: this many searches go before
// optional points.
[[nodiscard]] std::unique_ptr<Optimizer> sequential_optimizer(std::string name, const SearchSetting& setting,
                                                              MakeSearch make, std::size_t side_by_side = 1);

}  // namespace spikesmith
