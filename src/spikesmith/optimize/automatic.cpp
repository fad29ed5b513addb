#include "spikesmith/optimize/automatic.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/math/logarithm.hpp"
#include "spikesmith/optimize/basin_hopping.hpp"
#include "spikesmith/optimize/bayesian.hpp"
#include "spikesmith/optimize/cma_es.hpp"
#include "spikesmith/optimize/differential_evolution.hpp"
#include "spikesmith/optimize/sequential.hpp"

namespace spikesmith {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

constexpr double least_local_share = 0.1;
constexpr double most_local_share = 0.8;
constexpr std::size_t crowded_batch = 25;  // points per parameter from which on a population explores
constexpr std::size_t most_of_batch = 4;   // descents get at most one in four points of a batch that is shared
constexpr double memory = 0.9;             // weight of the past when a batch is added to it
constexpr double caution = 0.5;            // batches' worth of belief in the first share
constexpr std::size_t short_search = 100;  // rounds below which the explorer is told what descents find
constexpr std::size_t first_model_points = 20;
constexpr std::size_t best_points = 5;  // whose distances tell the scale for a descent
constexpr double widest_scale = 0.1;    // share of the box
constexpr double narrowest_scale = 1e-12;

enum Part : std::size_t { explorer, descents, opening };
constexpr std::size_t n_parts = 3;

class Automatic final : public Optimizer {
  public:
    Automatic(const AutomaticOptions& options, const SearchSetting& setting)
        : Optimizer(setting.dimension),
          first_share_(options.local_share),
          batch_(setting.batch),
          tells_explorer_(setting.rounds > 0 && setting.rounds < short_search),
          quantum_(setting.batch == 0 ? 1 : std::min(setting.batch, 2 * setting.dimension + 4)),
          share_(options.local_share),
          better_(std::make_shared<std::optional<BetterStart>>()) {
        // A generation of the explorer ends with every batch of which it gets the least.
        const double usual = 4 + 3 * math::log(math::ScalarOperations<double>(), static_cast<double>(dimension()));
        const std::size_t least = shared(batch_) ? batch_ - most_local(batch_) : batch_;
        const bool crowded = batch_ >= crowded_batch * dimension();
        const OptimizerChoice explores = crowded
                                             ? differential_evolution()
                                             : cma_es({.population = std::max(least, static_cast<std::size_t>(usual))});
        parts_[explorer].optimizer = explores(child_setting(setting, explorer, crowded ? batch_ : 1));
        parts_[descents].optimizer = sequential_optimizer(
            "descents", child_setting(setting, descents, quantum_), [better = better_](const SearchStart& start) {
                return basin_hopping_search(start, {},
                                            [better, scale = start.scale](double error) -> std::optional<BetterStart> {
                                                if (!*better) return std::nullopt;
                                                BetterStart found = **better;
                                                found.place.error = scale->normalized(found.place.error);
                                                if (!(found.place.error < error)) return std::nullopt;
                                                better->reset();  // for one descent only
                                                return found;
                                            });
            });
        const std::size_t budget = setting.budget();
        if (options.opening == 0 || budget == 0 || budget > options.opening_budget ||
            dimension() > options.opening_dimensions) {
            return;
        }
        opening_end_ = budget <= 2 * options.opening ? budget : options.opening;
        parts_[opening].optimizer =
            bayesian({.n_initial_points = std::clamp<std::size_t>(batch_, 2, first_model_points)})(
                child_setting(setting, opening, batch_));
    }

    [[nodiscard]] std::string name() const override { return "automatic"; }

  protected:
    void propose(std::uint64_t first_id, Array2& points) override {
        for (std::size_t r = 0; r < points.rows; ++r) {
            const std::uint64_t id = first_id + r;
            if (id == planned_from_ + planned_.rows) plan(id, batch_ == 0 ? points.rows - r : batch_);
            std::ranges::copy(std::as_const(planned_).row(id - planned_from_), points.row(r).begin());
        }
    }

    void learn(std::span<const Told> told) override {
        for (const Told& answer : told) {
            if (answer.id == Told::foreign) {
                Array2 point(1, dimension());
                std::ranges::copy(answer.point, point.row(0).begin());
                for (const Member& part : parts_) {
                    if (part.optimizer) part.optimizer->tell_foreign(point, std::span(&answer.error, 1));
                }
                note_found(answer.point, answer.error, widest_scale);
                lowest_ = std::min(lowest_, answer.error);
                continue;
            }
            const auto source = sources_.find(answer.id);
            answers_.push_back({answer.id,
                                source->second.part,
                                source->second.id,
                                answer.error,
                                {answer.point.begin(), answer.point.end()}});
            sources_.erase(source);
        }
    }

  private:
    struct Source {  // of an asked point
        Part part = explorer;
        std::uint64_t id = 0;  // as the part counts
    };
    struct Answer {
        std::uint64_t id = 0;
        Part part = explorer;
        std::uint64_t part_id = 0;
        double error = 0;
        std::vector<double> point;
    };
    struct Member {
        std::unique_ptr<Optimizer> optimizer;
        double wins = 0;     // batches with a new best point, recent ones count more
        double batches = 0;  // evaluated, in full batches; likewise
    };

    static SearchSetting child_setting(const SearchSetting& setting, Part part, std::size_t batch) {
        return {.dimension = setting.dimension,
                .batch = batch,
                .rounds = setting.rounds,
                .seed = setting.seed + part * 0x9e3779b97f4a7c15};
    }

    // Whether descents and explorer share batches of n points, instead of taking turns.
    [[nodiscard]] bool shared(std::size_t n) const { return n >= 2 * quantum_; }
    [[nodiscard]] std::size_t most_local(std::size_t n) const {
        return shared(n) ? std::max<std::size_t>(n / most_of_batch / quantum_, 1) * quantum_ : n;
    }

    // ---------------------------------------------------------------------------------------------------- planning

    void plan(std::uint64_t first_id, std::size_t n) {
        pass_answers_on();
        planned_from_ = first_id;
        planned_ = Array2(0, dimension());
        std::size_t local = 0;
        if (first_id > 0) {  // first the explorer finds starts
            owed_ += share_ * static_cast<double>(n);
            const std::size_t quantum = shared(n) ? quantum_ : n;
            local = std::min(static_cast<std::size_t>(owed_) / quantum * quantum, most_local(n));
            owed_ = std::min(owed_ - static_cast<double>(local), static_cast<double>(n));
        }
        add(first_id < opening_end_ ? opening : explorer, n - local);
        add(descents, local);
        began_descents_ |= local > 0;
    }

    void add(Part part, std::size_t count) {
        if (count == 0) return;
        const Candidates candidates = parts_[part].optimizer->ask(count);
        for (std::size_t r = 0; r < count; ++r) {
            sources_.emplace(planned_from_ + planned_.rows + r, Source{part, candidates.ids[r]});
        }
        planned_.values.insert(planned_.values.end(), candidates.points.values.begin(), candidates.points.values.end());
        planned_.rows += count;
    }

    // ---------------------------------------------------------------------------------------------------- learning

    // What was told since the last plan. Sorted, so that the order of tells does not matter.
    void pass_answers_on() {
        std::ranges::sort(answers_, {}, &Answer::id);
        const double before = lowest_;
        for (const Part part : {explorer, opening, descents}) pass_on(part, before);
        answers_.clear();
        follow_success();
    }

    void pass_on(Part part, double before) {
        std::vector<const Answer*> mine;
        for (const Answer& answer : answers_) {
            if (answer.part == part) mine.push_back(&answer);
        }
        if (mine.empty()) return;
        Member& member = parts_[part];
        std::vector<std::uint64_t> ids;
        std::vector<double> errors;
        for (const Answer* answer : mine) {
            ids.push_back(answer->part_id);
            errors.push_back(answer->error);
        }
        member.optimizer->tell(ids, errors);
        const Answer& best = **std::ranges::min_element(mine, {}, &Answer::error);
        if (best.error < before) ++member.wins;
        member.batches += static_cast<double>(mine.size()) / static_cast<double>(planned_.rows);
        const bool opens = planned_from_ + planned_.rows < opening_end_;  // the next batch
        if (part == opening) tell_foreign(explorer, mine);
        if (part != opening && opens) tell_foreign(opening, mine);
        if (part == descents) {
            if (tells_explorer_ && best.error < lowest_) tell_foreign(explorer, std::array{&best});
        } else if (best.error < lowest_) {
            note_found(best.point, best.error, scale_around(best, mine));
        }
        lowest_ = std::min(lowest_, best.error);
        if (*better_ && (*better_)->place.error > lowest_) better_->reset();
    }

    void tell_foreign(Part to, std::span<const Answer* const> answers) {
        Array2 points(0, dimension());
        std::vector<double> errors;
        for (const Answer* answer : answers) {
            points.values.insert(points.values.end(), answer->point.begin(), answer->point.end());
            ++points.rows;
            errors.push_back(answer->error);
        }
        parts_[to].optimizer->tell_foreign(points, errors);
    }

    // A start for the next descent.
    void note_found(std::span<const double> point, double error, double scale) {
        if (!(error < lowest_)) return;
        *better_ = BetterStart{{{point.begin(), point.end()}, error}, scale};
        if (began_descents_) return;
        Array2 row(1, dimension());
        std::ranges::copy(point, row.row(0).begin());
        parts_[descents].optimizer->tell_foreign(row, std::span(&error, 1));  // where the first one starts
    }

    // The distance of other good points from the best.
    [[nodiscard]] double scale_around(const Answer& best, std::vector<const Answer*> others) const {
        std::erase_if(others, [&](const Answer* answer) { return answer == &best || std::isinf(answer->error); });
        if (others.empty()) return widest_scale;
        std::ranges::sort(others, {}, [](const Answer* answer) { return std::pair(answer->error, answer->id); });
        others.resize(std::min(others.size(), best_points - 1));
        std::vector<double> distances;
        for (const Answer* other : others) {
            double distance = 0;
            for (std::size_t j = 0; j < dimension(); ++j) {
                distance = std::max(distance, std::fabs(other->point[j] - best.point[j]));
            }
            distances.push_back(distance);
        }
        std::ranges::sort(distances);
        return std::clamp(distances[distances.size() / 2], narrowest_scale, widest_scale);
    }

    // Shares as success per batch, with a memory that fades.
    void follow_success() {
        const auto rate = [](double wins, double batches, double belief) {
            return (wins + caution * belief) / (batches + caution);
        };
        for (Member& part : parts_) {
            part.wins *= memory;
            part.batches *= memory;
        }
        const double global = rate(parts_[explorer].wins + parts_[opening].wins,
                                   parts_[explorer].batches + parts_[opening].batches, 1 - first_share_);
        const double local = rate(parts_[descents].wins, parts_[descents].batches, first_share_);
        share_ = std::clamp(local / (local + global), std::min(least_local_share, first_share_),
                            std::max(most_local_share, first_share_));
    }

    double first_share_;
    std::size_t batch_;  // 0: unknown
    bool tells_explorer_;
    std::size_t quantum_;  // points that one descent can use at once
    double share_;         // of the points, for descents
    double owed_ = 0;      // points to descents
    bool began_descents_ = false;
    std::uint64_t opening_end_ = 0;  // batches that begin before are of the opening
    std::array<Member, n_parts> parts_;
    std::shared_ptr<std::optional<BetterStart>> better_;  // a start that no descent has used

    Array2 planned_;  // the batch that is being asked
    std::uint64_t planned_from_ = 0;
    std::unordered_map<std::uint64_t, Source> sources_;  // of points asked and not told
    std::vector<Answer> answers_;                        // since the last plan
    double lowest_ = infinity;                           // error that the parts know of
};

}  // namespace

OptimizerChoice automatic(AutomaticOptions options) {
    if (!(options.local_share > 0 && options.local_share < 1)) {
        throw ConfigError(fmt::format("automatic: the local share must be in (0, 1), not {}", options.local_share));
    }
    std::string description = "automatic";
    if (const std::string settings = describe_options(options); !settings.empty()) description += ": " + settings;
    return {std::move(description), [options](const SearchSetting& setting) -> std::unique_ptr<Optimizer> {
                return std::make_unique<Automatic>(options, setting);
            }};
}

void visit_fields(OptionVisitor& visit, AutomaticOptions& options) {
    visit.real("local_share", options.local_share);
    visit.count("opening", options.opening);
    visit.count("opening_dimensions", options.opening_dimensions);
    visit.count("opening_budget", options.opening_budget);
}

}  // namespace spikesmith
