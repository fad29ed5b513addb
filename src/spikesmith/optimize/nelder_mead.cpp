#include "spikesmith/optimize/nelder_mead.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/optimize/bounded_quadratic.hpp"
#include "spikesmith/optimize/quadratic_fit.hpp"

namespace spikesmith {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double smallest_edge = 0x1p-50;
constexpr double worthwhile_gain = 1e-3;  // of a rebuilt simplex, relative to the error before
constexpr double stagnant_gain = 1e-2;    // of as many steps as follow
constexpr std::size_t patience = 10;      // steps per parameter
constexpr std::size_t outcomes = 4;
constexpr std::size_t largest_model = 12;  // parameters: beyond them the fit takes too long for every step

// Moves of a vertex: multiples of its vector from the centroid of those that stay.
struct Moves {
    double reflection = -1;
    double expansion = -2;
    double outside = -0.5;
    double inside = 0.5;
    double shrink = 0.5;

    explicit Moves(std::size_t dimension) {  // Gao & Han 2012, eq. 4.1
        const double n = std::max(2.0, static_cast<double>(dimension));
        expansion = -(1 + 2 / n);
        outside = -(0.75 - 1 / (2 * n));
        inside = 0.75 - 1 / (2 * n);
        shrink = 1 - 1 / n;
    }
};

struct Simplex {
    Array2 vertices;
    std::vector<double> errors;

    [[nodiscard]] std::size_t size() const { return errors.size(); }

    void sort() {
        std::vector<std::size_t> order(size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::ranges::sort(order, {}, [this](std::size_t i) { return std::pair(errors[i], i); });
        Simplex sorted = *this;
        for (std::size_t i = 0; i < size(); ++i) {
            std::ranges::copy(vertices.row(order[i]), sorted.vertices.row(i).begin());
            sorted.errors[i] = errors[order[i]];
        }
        *this = std::move(sorted);
    }

    // The largest distance of a coordinate from that of the first vertex.
    [[nodiscard]] double edge() const {
        double largest = 0;
        for (std::size_t i = 1; i < size(); ++i) {
            for (std::size_t j = 0; j < vertices.columns; ++j) {
                largest = std::max(largest, std::fabs(vertices(i, j) - vertices(0, j)));
            }
        }
        return largest;
    }
};

// Vertices at distance `edge` from the first, one per coordinate, towards the middle of the box where there is no room.
Simplex simplex_around(std::span<const double> point, double error, double edge) {
    const std::size_t d = point.size();
    Simplex simplex{Array2(d + 1, d), std::vector<double>(d + 1, infinity)};
    simplex.errors[0] = error;
    for (std::size_t i = 0; i <= d; ++i) {
        std::ranges::copy(point, simplex.vertices.row(i).begin());
        if (i == 0) continue;
        double& u = simplex.vertices(i, i - 1);
        u = u + edge <= 1 && (i % 2 == 1 || u - edge < 0) ? u + edge : std::max(u - edge, 0.0);
    }
    return simplex;
}

std::vector<double> moved(std::span<const double> centroid, std::span<const double> vertex, double multiple) {
    std::vector<double> point(centroid.size());
    for (std::size_t j = 0; j < point.size(); ++j) {
        point[j] = std::clamp(centroid[j] + multiple * (vertex[j] - centroid[j]), 0.0, 1.0);
    }
    return point;
}

// Which of the outcomes (reflection, expansion, outside, inside) a vertex takes, if any. `best` of the simplex, `next`:
// the vertex that is just better.
std::optional<std::size_t> chosen(std::span<const double> error, double best, double next, double own) {
    if (error[0] < best) return error[1] < error[0] ? 1 : 0;
    if (error[0] < next) return 0;
    if (error[0] < own) return error[2] <= error[0] ? std::optional<std::size_t>{2} : std::nullopt;
    return error[3] < own ? std::optional<std::size_t>{3} : std::nullopt;
}

Eigen::VectorXd as_vector(std::span<const double> point) {
    return Eigen::Map<const Eigen::VectorXd>(point.data(), static_cast<Eigen::Index>(point.size()));
}

// The latest points that a search evaluated, and the quadratic that fits them.
class Memory {
  public:
    explicit Memory(std::size_t dimension)
        : capacity_(3 * coefficients(dimension)),
          model_{Eigen::VectorXd::Zero(static_cast<Eigen::Index>(dimension)),
                 Eigen::MatrixXd::Zero(static_cast<Eigen::Index>(dimension), static_cast<Eigen::Index>(dimension))} {}

    void add(const Array2& points, std::span<const double> errors) {
        for (std::size_t r = 0; r < errors.size(); ++r) known_.add(as_vector(points.row(r)), errors[r]);
        if (known_.points.size() <= 2 * capacity_) return;
        const auto surplus = static_cast<std::ptrdiff_t>(known_.points.size() - capacity_);
        known_.points.erase(known_.points.begin(), known_.points.begin() + surplus);
        known_.errors.erase(known_.errors.begin(), known_.errors.begin() + surplus);
    }

    // Where the quadratic is smallest within two edges of the best vertex; nothing before there are points for it.
    [[nodiscard]] std::optional<std::vector<double>> minimum(const Simplex& simplex) {
        const Eigen::VectorXd x = as_vector(simplex.vertices.row(0));
        const std::size_t n = coefficients(static_cast<std::size_t>(x.size()));
        const double edge = simplex.edge();
        if (known_.points.size() < n || !(edge > 0)) return std::nullopt;
        const auto fitted = fit_near(known_, x, simplex.errors[0], edge, n + n / 3, model_, true);
        if (!fitted) return std::nullopt;
        model_ = *fitted;
        const Quadratic scaled = convex({model_.gradient * edge, model_.matrix * edge * edge});
        const Eigen::VectorXd lower = (-x / edge).cwiseMax(-2);
        const Eigen::VectorXd upper = ((Eigen::VectorXd::Ones(x.size()) - x) / edge).cwiseMin(2);
        const Eigen::VectorXd step = edge * minimize_in_box(scaled.gradient, scaled.matrix, lower, upper);
        const Eigen::VectorXd point = (x + step).cwiseMax(0.0).cwiseMin(1.0);
        if (point == x) return std::nullopt;
        return std::vector<double>(point.begin(), point.end());
    }

  private:
    static std::size_t coefficients(std::size_t d) { return (d + 1) * (d + 2) / 2; }

    std::size_t capacity_;
    EvaluatedPoints known_;
    Quadratic model_;
};

}  // namespace

Search nelder_mead_search(SearchStart start, NelderMeadOptions options) {
    const std::size_t d = start.point.size();
    const Moves moves(d);
    const std::array<double, outcomes> multiples{moves.reflection, moves.expansion, moves.outside, moves.inside};
    const std::size_t n_moving = std::clamp<std::size_t>(
        options.vertices != 0 ? options.vertices : std::min(start.batch / outcomes, (d + 1) / 2), 1, d);

    const bool modelled = options.quadratic && d <= largest_model;
    Memory memory(d);

    double edge = options.edge;
    Recommendation best{start.point, start.error.value_or(infinity)};
    bool first = true;
    while (true) {  // simplices
        Simplex simplex = simplex_around(best.point, best.error, edge);
        const double error_before = best.error;
        {
            Request request(d);
            const std::size_t from = first && !start.error ? 0 : 1;
            for (std::size_t i = from; i <= d; ++i) request.need(simplex.vertices.row(i));
            const Answers answers = co_await evaluate(request);
            std::ranges::copy(answers.needed, simplex.errors.begin() + static_cast<std::ptrdiff_t>(from));
        }
        simplex.sort();
        double error_then = simplex.errors.front();
        for (std::size_t step = 1;; ++step) {
            const double spread = simplex.errors.back() - simplex.errors.front();
            if (!(spread > options.tolerance * std::fabs(simplex.errors.front())) || simplex.edge() < smallest_edge)
                break;
            if (step % (patience * d) == 0) {
                if (error_then - simplex.errors.front() <= stagnant_gain * std::fabs(error_then)) break;
                error_then = simplex.errors.front();
            }
            const std::size_t staying = d + 1 - n_moving;
            std::vector<double> centroid(d, 0.0);
            for (std::size_t i = 0; i < staying; ++i) {
                for (std::size_t j = 0; j < d; ++j)
                    centroid[j] += simplex.vertices(i, j) / static_cast<double>(staying);
            }
            Request request(d);
            for (std::size_t i = staying; i <= d; ++i) {
                for (const double multiple : multiples)
                    request.need(moved(centroid, simplex.vertices.row(i), multiple));
            }
            const auto minimum = modelled ? memory.minimum(simplex) : std::nullopt;
            if (minimum) request.need(*minimum);
            const Answers answers = co_await evaluate(request);
            if (modelled) memory.add(request.needed, answers.needed);
            bool improved = false;
            const std::vector<double> errors = simplex.errors;
            for (std::size_t k = 0; k < n_moving; ++k) {
                const std::size_t i = staying + k;
                const auto choice = chosen(std::span(answers.needed).subspan(k * outcomes, outcomes), errors[0],
                                           errors[i - 1], errors[i]);
                if (!choice) continue;
                improved = true;
                simplex.errors[i] = answers.needed[k * outcomes + *choice];
                std::ranges::copy(request.needed.row(k * outcomes + *choice), simplex.vertices.row(i).begin());
            }
            if (!improved) {
                Request shrunken(d);
                for (std::size_t i = 1; i <= d; ++i) {
                    shrunken.need(moved(simplex.vertices.row(0), simplex.vertices.row(i), moves.shrink));
                }
                const Answers more = co_await evaluate(shrunken);
                for (std::size_t i = 1; i <= d; ++i) {
                    simplex.errors[i] = more.needed[i - 1];
                    std::ranges::copy(shrunken.needed.row(i - 1), simplex.vertices.row(i).begin());
                }
            }
            simplex.sort();
            if (minimum && answers.needed.back() < simplex.errors.front()) {
                simplex.errors.back() = answers.needed.back();
                std::ranges::copy(*minimum, simplex.vertices.row(d).begin());
                simplex.sort();
            }
        }
        if (simplex.errors.front() < best.error) {
            best.error = simplex.errors.front();
            std::ranges::copy(simplex.vertices.row(0), best.point.begin());
        }
        const bool gained = error_before - best.error > worthwhile_gain * std::fabs(error_before);
        if (!std::isfinite(best.error) || (!first && !gained)) break;
        edge = std::clamp(simplex.edge() * 100, 1e-6 * options.edge, options.edge);
        first = false;
    }
    co_return best;
}

OptimizerChoice nelder_mead(NelderMeadOptions options) {
    if (!(options.edge > 0 && options.edge <= 0.5)) {
        throw ConfigError(fmt::format("Nelder-Mead: the edge must be in (0, 0.5], not {}", options.edge));
    }
    if (!(options.tolerance >= 0 && options.tolerance < 1)) {
        throw ConfigError(fmt::format("Nelder-Mead: the tolerance must be in [0, 1), not {}", options.tolerance));
    }
    std::string description = "Nelder-Mead";
    if (const std::string settings = describe_options(options); !settings.empty()) description += ": " + settings;
    return {std::move(description), [options](const SearchSetting& setting) {
                return sequential_optimizer("nelder_mead", setting, [options](const SearchStart& start) {
                    return nelder_mead_search(start, options);
                });
            }};
}

void visit_fields(OptionVisitor& visit, NelderMeadOptions& options) {
    visit.real("edge", options.edge);
    visit.count("vertices", options.vertices);
    visit.flag("quadratic", options.quadratic);
    visit.real("tolerance", options.tolerance);
}

}  // namespace spikesmith
