#include "spikesmith/optimize/sequential.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "spikesmith/core/error.hpp"
#include "spikesmith/optimize/designs.hpp"

namespace spikesmith {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double untold = std::numeric_limits<double>::quiet_NaN();
constexpr std::uint64_t smallest_patience = 120;  // points

std::size_t append(Array2& points, std::span<const double> point) {
    points.values.insert(points.values.end(), point.begin(), point.end());
    return points.rows++;
}

class SequentialOptimizer final : public Optimizer {
  public:
    SequentialOptimizer(std::string name, const SearchSetting& setting, MakeSearch make, std::size_t side_by_side)
        : Optimizer(setting.dimension),
          name_(std::move(name)),
          make_(std::move(make)),
          side_by_side_(side_by_side),
          batch_(std::max<std::size_t>(setting.batch, 1)),
          seed_(setting.seed),
          design_(sobol_design(setting.dimension, setting.seed)) {}

    [[nodiscard]] std::string name() const override { return name_; }

  protected:
    void propose(std::uint64_t first_id, Array2& points) override {
        for (std::size_t r = 0; r < points.rows; ++r) {
            const std::uint64_t id = first_id + r;
            const std::size_t slot = id % batch_;
            if (slot == 0) plan(id);
            std::ranges::copy(planned_.row(slot), points.row(r).begin());
        }
    }

    void learn(std::span<const Told> told) override {
        for (const Told& answer : told) {
            if (answer.error < best_error_) {
                best_error_ = answer.error;
                if (answer.id == Told::foreign) {
                    foreign_ = Recommendation{{answer.point.begin(), answer.point.end()}, answer.error};
                }
            }
            if (answer.id == Told::foreign) continue;
            latest_told_ = std::max(latest_told_, answer.id);
            const auto owner = owners_.find(answer.id);
            if (owner == owners_.end()) continue;
            const Owner place = owner->second;
            owners_.erase(owner);
            const auto running = std::ranges::find(running_, place.search, &Running::number);
            if (running == running_.end() || running->serial != place.serial) continue;  // no longer wanted
            (place.needed ? running->answers.needed : running->answers.optional)[place.row] = answer.error;
            if (place.needed) --running->missing;
        }
    }

  private:
    struct Running {
        std::uint64_t number = 0;
        Search search;
        std::uint64_t serial = 0;  // counts requests
        Answers answers;
        std::size_t missing = 0;       // needed points not told
        std::size_t asked_needed = 0;  // needed points asked for
        std::size_t asked_optional = 0;
        std::uint64_t latest_id = 0;  // of the needed points
    };
    struct Owner {
        std::uint64_t search = 0;
        std::uint64_t serial = 0;
        bool needed = true;
        std::size_t row = 0;
    };

    static void await_request(Running& running) {
        const Request& request = running.search.request();
        if (request.needed.rows == 0) throw Error("a search asked for no points");
        ++running.serial;
        running.answers.needed.assign(request.needed.rows, untold);
        running.answers.optional.assign(request.optional.rows, untold);
        running.missing = request.needed.rows;
        running.asked_needed = 0;
        running.asked_optional = 0;
    }

    // Gives complete answers to their searches. Points that were overtaken by many others count as failed.
    void resume_searches() {
        const std::uint64_t patience = std::max<std::uint64_t>(smallest_patience, 4 * batch_);
        for (Running& running : running_) {
            const bool lost =
                running.asked_needed == running.answers.needed.size() && latest_told_ > running.latest_id + patience;
            if (running.missing > 0 && lost) {
                std::ranges::replace_if(
                    running.answers.needed, [](double error) { return std::isnan(error); }, infinity);
                running.missing = 0;
            }
            if (running.missing > 0) continue;
            scale_->normalize(running.answers.needed);
            scale_->normalize(running.answers.optional);
            running.search.resume(std::move(running.answers));
            if (!running.search.done()) await_request(running);
        }
        std::erase_if(running_, [](const Running& running) { return running.search.done(); });
    }

    Running& start_search() {
        SearchStart start{.number = started_,
                          .point = {},
                          .error = {},
                          .batch = batch_,
                          .seed = seed_,
                          .hasty = started_ == 0,
                          .scale = scale_};
        if (foreign_ && foreign_->error <= best_error_) {
            start.point = foreign_->point;
            start.error = scale_->normalized(foreign_->error);
        } else if (designed_++ == 0) {
            start.point.assign(dimension(), 0.5);
        } else {
            start.point.resize(dimension());
            design_.point(designed_ - 2, start.point);
        }
        foreign_.reset();
        running_.push_back({.number = started_++, .search = make_(start), .serial = 0, .answers = {}});
        if (running_.back().search.done()) throw Error("a search ended before its first point");
        await_request(running_.back());
        return running_.back();
    }

    // All points of the batch whose first point has the id `first_id`.
    void plan(std::uint64_t first_id) {
        resume_searches();
        planned_ = Array2(0, dimension());
        const auto room = [&] { return planned_.rows < batch_; };
        const auto add = [&](Running& running, bool needed, std::size_t row) {
            const std::uint64_t id = first_id + planned_.rows;
            const Request& request = running.search.request();
            append(planned_, (needed ? request.needed : request.optional).row(row));
            owners_.emplace(id, Owner{running.number, running.serial, needed, row});
            if (needed) running.latest_id = id;
        };
        const auto add_needed = [&](Running& running) {
            while (room() && running.asked_needed < running.answers.needed.size()) {
                add(running, true, running.asked_needed++);
            }
        };
        for (Running& running : running_) add_needed(running);
        while (room() && running_.size() < side_by_side_) add_needed(start_search());
        for (Running& running : running_) {
            while (room() && running.asked_optional < running.answers.optional.size()) {
                add(running, false, running.asked_optional++);
            }
        }
        while (room()) add_needed(start_search());
    }

    std::string name_;
    MakeSearch make_;
    std::size_t side_by_side_;
    std::size_t batch_;
    std::uint64_t seed_;
    Design design_;
    std::shared_ptr<ErrorScale> scale_ = std::make_shared<ErrorScale>();

    std::vector<Running> running_;                     // oldest first
    std::unordered_map<std::uint64_t, Owner> owners_;  // of points asked and not told
    Array2 planned_;                                   // the batch that is being asked
    std::uint64_t started_ = 0;                        // searches
    std::uint64_t designed_ = 0;                       // of them at points of the design
    std::uint64_t latest_told_ = 0;
    double best_error_ = infinity;
    std::optional<Recommendation> foreign_;  // the best told point, if it came from elsewhere and was not used
};

}  // namespace

std::size_t Request::need(std::span<const double> point) {
    return append(needed, point);
}

std::size_t Request::wish(std::span<const double> point) {
    return append(optional, point);
}

bool Search::done() const {
    if (handle_.promise().exception) std::rethrow_exception(handle_.promise().exception);
    return handle_.done();
}

void Search::resume(Answers answers) {
    handle_.promise().answers = std::move(answers);
    handle_.resume();
}

std::unique_ptr<Optimizer> sequential_optimizer(std::string name, const SearchSetting& setting, MakeSearch make,
                                                std::size_t side_by_side) {
    return std::make_unique<SequentialOptimizer>(std::move(name), setting, std::move(make), side_by_side);
}

}  // namespace spikesmith
