// Refine: from parameters near an optimum to the optimum itself, and what the data say about it.
//
//     FitResult found = fitter.fit({...});
//     RefineResult refined = refine(fitter);
//     std::cout << refined.full_report();
//
// A global search finds the basin, a local one with derivatives finishes. Nothing of the fit changes: its best parameters, its
// evaluations and its optimiser are as before.
//
// Mean squared errors (also robust ones) are refined by least squares (optimize/least_squares.hpp). Their derivatives are the exact
// ones of the simulated trajectory where the model allows it (numerics/tangents.hpp), else differences, all of which are simulated
// side by side; the result says which and why. Spike trains are refined by the times of their spikes, interpolated between steps:
// residuals are the differences to the recorded times, and the fit's own metric decides which point is best. Other metrics, and fits
// with a penalty, are refined by a quasi-Newton method with differences; mean squared errors too if it is asked for, then with exact
// gradients, alone or in basin hopping.
//
// Parameters of whole numbers stay at their start. Parameters may have any scale and unit. Random numbers of the model are held: those
// that the best evaluation of the fit drew (without one, the first).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/fit/fitter.hpp"
#include "spikesmith/fit/refine_statistics.hpp"

namespace spikesmith {

enum class RefineMethod : std::uint8_t { automatic, least_squares, spike_times, quasi_newton };
// exact: of each residual, by tangents carried along with the simulation. adjoint: exact too, by a sweep backwards through the
// simulation: the gradient of the error alone, at the cost of a few simulations for any number of parameters.
enum class Derivatives : std::uint8_t { automatic, exact, adjoint, differences };

// The number of parameters up to which the automatic choice takes tangents. About there a gradient by them comes to cost more than by the
// adjoint (from 13 on with all lanes filled, from some 25 on with the few points of one start), and their compiling grows with the square.
// Beyond, quasi-Newton takes the adjoint, and least squares differences. Least squares stays the automatic method for any number: with 20
// and 40 parameters it needed a twentieth of the steps, so it is faster with whatever derivatives.
inline constexpr std::size_t most_tangents = 20;

// Throw ConfigError with a hint for anything else. "bfgs", "l_bfgs_b", "slsqp" mean quasi_newton: with bounds alone they are one
// method (optimize/quasi_newton.hpp).
[[nodiscard]] RefineMethod parse_refine_method(std::string_view text);
[[nodiscard]] std::string_view name_of(RefineMethod method);
[[nodiscard]] Derivatives parse_derivatives(std::string_view text);
[[nodiscard]] std::string_view name_of(Derivatives derivatives);

// After an iteration. Valid during the call only.
struct RefineProgress {
    std::size_t start = 0;                        // number of the starting point
    std::size_t iteration = 0;                    // of it, from 1
    std::span<const FittedParameter> parameters;  // with the values reached
    double error = 0;
};
using RefineCallback = std::function<CallbackAction(const RefineProgress&)>;

// What is refined: the problem of the fit, or a variant of it.
struct RefineProblem {
    // those that differ from the fit's: other bounds, a fixed value, a tie; all of them if there was no fit
    std::vector<FitParameter> parameters{};
    MetricPointer metric{};  // as in FitOptions; both absent: those of the fit
    std::multimap<std::string, MetricPointer> metrics{};
    RefineMethod method = RefineMethod::automatic;
    Derivatives derivatives = Derivatives::automatic;
};

struct RefineOptions {
    // starting points by name, SI; parameters that are not named start at the best of the fit. Empty: one start, the best
    std::vector<std::map<std::string, double>> starts{};
    std::size_t max_iterations = 100;  // of each start
    double cost_tolerance = 1e-15;     // LeastSquaresOptions
    double step_tolerance = 1e-14;     // LeastSquaresOptions
    std::size_t hops = 0;              // quasi-Newton only: basin hopping, so many hops from each minimum
    double confidence = 0.95;          // of the intervals, in (0, 1)
    RefineCallback callback{};
    const std::atomic<bool>* cancelled = nullptr;  // set by another thread: the best so far is returned
};

enum class RefineStop : std::uint8_t { converged, max_iterations, callback, cancelled, failed };

// What came of one starting point.
struct RefinedStart {
    std::vector<double> start;       // SI, all parameters
    std::vector<double> parameters;  // SI, all parameters
    double start_error = 0;
    double error = 0;
    RefineStop stop = RefineStop::converged;
    std::string reason;
    std::size_t iterations = 0;
    std::size_t derivative_evaluations = 0;  // points at which the Jacobian was evaluated
};

struct RefineResult {
    std::vector<FittedParameter> parameters;  // with the refined values
    double error = 0;                         // at them, as the fit computes it
    double start_error = 0;                   // at the start they came from
    Dimension error_dimension;
    std::vector<RefinedStart> starts;  // in the order given
    std::size_t best_start = 0;
    ParameterStatistics statistics;  // of the parameters, in their order
    RefineMethod method = RefineMethod::least_squares;
    Derivatives derivatives = Derivatives::exact;  // those taken
    std::vector<std::string> notes;                // what the user should know
    std::size_t n_simulations = 0;                 // parameter sets simulated, derivatives excepted
    double seconds = 0;                            // wall-clock; compiling excepted
    double compile_seconds = 0;

    [[nodiscard]] const RefinedStart& best() const { return starts[best_start]; }
    // Refined value by name. Throws ConfigError for an unknown name.
    [[nodiscard]] double operator[](std::string_view name) const;
    [[nodiscard]] std::string summary() const;  // one or two lines
    [[nodiscard]] std::string full_report()
        const;  // a page: table with errors and intervals, correlations, what is not determined
};

// Compiles once, refines often.
class Refiner {
  public:
    // Throws ConfigError where the problem cannot be refined: Poisson numbers whose mean is searched, exact derivatives where there are
    // none, least squares for other metrics; what Fitter::fit throws for parameters and metrics.
    explicit Refiner(const Fitter& fitter, const RefineProblem& problem = {});
    // The same without a fit: of `search` the parameters and metrics count. Every start must name all searched parameters.
    Refiner(const FitterOptions& fitter, const FitOptions& search, const RefineProblem& problem);
    Refiner(Refiner&&) noexcept;
    Refiner& operator=(Refiner&&) noexcept;
    ~Refiner();

    // Throws ConfigError for starts that are missing, outside the bounds, or do not fit; NumericalError if no start has a finite error.
    [[nodiscard]] RefineResult refine(const RefineOptions& options = {});

    // Errors, and with `gradient` their derivatives by the coordinates of the unit cube (rows of points: searched parameters).
    struct Field {
        std::vector<double> errors;
        Array2 gradient;  // points x coordinates
    };
    [[nodiscard]] Field field(const Array2& points, bool gradient, const std::atomic<bool>* cancelled = nullptr);

    [[nodiscard]] const FitParameters& parameters() const;
    [[nodiscard]] const Dimension& error_dimension() const;
    [[nodiscard]] const std::vector<std::string>& notes() const;

  private:
    struct Implementation;
    std::unique_ptr<Implementation> implementation_;
};

[[nodiscard]] RefineResult refine(const Fitter& fitter, const RefineOptions& options = {},
                                  const RefineProblem& problem = {});

}  // namespace spikesmith
