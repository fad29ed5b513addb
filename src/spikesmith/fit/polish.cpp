#include "spikesmith/fit/polish.hpp"

#include <map>
#include <string>

#include "spikesmith/fit/refine.hpp"

namespace spikesmith {

Polisher::Polisher(const FitterOptions& fitter, const FitOptions& search, const PolishOptions& options)
    : options_(options), refiner_(std::make_unique<Refiner>(fitter, search, RefineProblem{})) {}
Polisher::Polisher(Polisher&&) noexcept = default;
Polisher& Polisher::operator=(Polisher&&) noexcept = default;
Polisher::~Polisher() = default;

std::optional<Array2> Polisher::polish(std::span<const FittedParameter> best, const std::atomic<bool>* cancelled) {
    std::map<std::string, double> start;
    for (const FittedParameter& parameter : best) {
        if (parameter.searched()) start[parameter.name] = parameter.value;
    }
    const RefineResult refined =
        refiner_->refine({.starts = {start}, .max_iterations = options_.max_iterations, .cancelled = cancelled});
    if (refined.best().stop == RefineStop::cancelled) return std::nullopt;
    Array2 point(1, start.size());
    std::size_t k = 0;
    for (const FittedParameter& parameter : refined.parameters) {
        if (!parameter.searched()) continue;
        point(0, k) = refiner_->parameters().space().to_coordinate(k, parameter.value);
        ++k;
    }
    return point;
}

}  // namespace spikesmith
