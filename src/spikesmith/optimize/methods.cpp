#include "spikesmith/optimize/methods.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/optimize/automatic.hpp"
#include "spikesmith/optimize/basin_hopping.hpp"
#include "spikesmith/optimize/bayesian.hpp"
#include "spikesmith/optimize/cma_es.hpp"
#include "spikesmith/optimize/designs.hpp"
#include "spikesmith/optimize/differential_evolution.hpp"
#include "spikesmith/optimize/ibea.hpp"
#include "spikesmith/optimize/nelder_mead.hpp"
#include "spikesmith/optimize/nsga2.hpp"
#include "spikesmith/optimize/one_plus_lambda.hpp"
#include "spikesmith/optimize/particle_swarm.hpp"
#include "spikesmith/optimize/quadratic_model.hpp"
#include "spikesmith/optimize/quasi_newton.hpp"
#include "spikesmith/optimize/shade.hpp"
#include "spikesmith/optimize/tpe.hpp"

namespace spikesmith {

namespace {

template <class Options, class Make>
class Method final : public OptimizerMethod {
  public:
    Method(Options options, Make make) : options_(std::move(options)), make_(make) {}

    void set(std::string_view option, const OptionValue& value) override {
        Options changed = options_;
        set_option(changed, option, value);
        static_cast<void>(make_(changed));  // refuses values out of range
        options_ = std::move(changed);
    }
    [[nodiscard]] std::vector<OptionInfo> options() const override { return list_options(options_); }
    [[nodiscard]] OptimizerChoice choice() const override { return make_(options_); }

  private:
    Options options_;
    Make make_;
};

using MakeMethod = std::function<std::unique_ptr<OptimizerMethod>()>;

// `make` takes the options by value or by reference.
template <class Options, class Make>
MakeMethod method(Make make, const Options& options = {}) {
    return [make, options] { return std::make_unique<Method<Options, Make>>(options, make); };
}

struct Alias {
    std::string name;
    MakeMethod make;
};

struct Entry {
    std::string name;
    std::string summary;
    MakeMethod make;
    std::vector<Alias> aliases;
};

// In the order in which the manual lists them.
const std::vector<Entry>& entries() {
    using DE = DifferentialEvolutionOptions;
    const auto de = [](const DE& options) { return method<DE>(differential_evolution, options); };
    const auto bayes = [](BaseEstimator estimator) {
        return method<BayesianOptions>(bayesian, {.base_estimator = estimator});
    };
    static const std::vector<Entry> list{
        {"automatic",
         "chooses and combines methods by what it is told: where nothing is known of the error",
         method<AutomaticOptions>(automatic),
         {{"AUTO", method<AutomaticOptions>(automatic)},
          {"NGOpt", method<AutomaticOptions>(automatic)},
          {"auto", method<AutomaticOptions>(automatic)}}},
        {"differential_evolution",
         "differential evolution with adapted weights: several minima, batches of 20 and more",
         de({}),
         {{"DE", de({})},
          {"TwoPointsDE", de({.donor = DonorRule::best_1, .crossover = Crossover::two_points})},
          {"LhsDE", de({})},
          {"QrDE", de({.initial = InitialDesign::hammersley})},
          {"QODE", de({.initial = InitialDesign::quasi_opposite})},
          {"DiscreteDE", de({.crossover = Crossover::sparse})},
          {"RotationInvariantDE", de({.crossover_rate = 1.0})},
          {"AlmostRotationInvariantDE", de({.crossover_rate = 0.9})}}},
        {"jso",
         "differential evolution with shrinking population: many evaluations, budget known",
         method<ShadeOptions>(shade),
         {{"jSO", method<ShadeOptions>(shade)}}},
        {"l_shade",
         "the predecessor of jso, with fewer rules",
         method<ShadeOptions>(shade, {.variant = ShadeVariant::l_shade}),
         {{"LSHADE", method<ShadeOptions>(shade, {.variant = ShadeVariant::l_shade})}}},
        {"cma_es",
         "covariance matrix adaptation with restarts: correlated parameters, batches of 10 and more",
         method<CmaEsOptions>(cma_es),
         {{"CMA", method<CmaEsOptions>(cma_es)},
          {"OldCMA", method<CmaEsOptions>(cma_es)},
          {"FCMA", method<CmaEsOptions>(cma_es)},
          {"DiagonalCMA", method<CmaEsOptions>(cma_es, {.covariance = CmaCovariance::diagonal})}}},
        {"particle_swarm",
         "a swarm of points: several minima, rough errors, batches of 20 and more",
         method<ParticleSwarmOptions>(particle_swarm),
         {{"PSO", method<ParticleSwarmOptions>(particle_swarm)},
          {"RealSpacePSO", method<ParticleSwarmOptions>(particle_swarm)}}},
        {"one_plus_lambda",
         "a normal distribution round the best point: simple, many parameters",
         method<OnePlusLambdaOptions>(one_plus_lambda),
         {{"OnePlusOne", method<OnePlusLambdaOptions>(one_plus_lambda)}}},
        {"quasi_newton",
         "BFGS with differences in batches, many starts: smooth errors, up to some 50 parameters",
         method<QuasiNewtonOptions>(quasi_newton),
         {{"SQP", method<QuasiNewtonOptions>(quasi_newton)},
          {"SLSQP", method<QuasiNewtonOptions>(quasi_newton)},
          {"BFGS", method<QuasiNewtonOptions>(quasi_newton)},
          {"LBFGSB", method<QuasiNewtonOptions>(quasi_newton)},
          {"L-BFGS-B", method<QuasiNewtonOptions>(quasi_newton)}}},
        {"nelder_mead",
         "simplex with speculative batches: few parameters, errors without derivatives",
         method<NelderMeadOptions>(nelder_mead),
         {{"NelderMead", method<NelderMeadOptions>(nelder_mead)}}},
        {"quadratic_model",
         "quadratic models in a trust region: smooth errors, 100 to 1000 evaluations",
         method<QuadraticModelOptions>(quadratic_model),
         {{"BOBYQA", method<QuadraticModelOptions>(quadratic_model)}}},
        {"basin_hopping",
         "chains of quasi-Newton descents: smooth errors with many minima",
         method<BasinHoppingOptions>(basin_hopping),
         {{"BasinHopping", method<BasinHoppingOptions>(basin_hopping)}}},
        {"bayesian",
         "Bayesian optimisation with Gaussian processes: slow simulations, up to some 500 evaluations",
         bayes(BaseEstimator::gaussian_process),
         {{"GP", bayes(BaseEstimator::gaussian_process)},
          {"BO", bayes(BaseEstimator::gaussian_process)},
          {"RF", bayes(BaseEstimator::random_forest)},
          {"ET", bayes(BaseEstimator::extra_trees)},
          {"GBRT", bayes(BaseEstimator::gradient_boosting)}}},
        {"tpe",
         "tree-structured Parzen estimator: few evaluations of rough errors",
         method<TpeOptions>(tpe),
         {{"TPE", method<TpeOptions>(tpe)},
          {"hyperopt", method<TpeOptions>(tpe)},
          {"ClassicTPE", method<TpeOptions>(tpe, classic_tpe())}}},
        {"nsga2",
         "Pareto front of several errors, spread by crowding",
         method<NSGA2Options>(nsga2),
         {{"NSGA2", method<NSGA2Options>(nsga2)}, {"NSGA-II", method<NSGA2Options>(nsga2)}}},
        {"ibea",
         "Pareto front of several errors, by the epsilon indicator",
         method<IBEAOptions>(ibea),
         {{"IBEA", method<IBEAOptions>(ibea)}}},
        {"random_search",
         "points drawn uniformly",
         method<RandomSearchOptions>(random_search),
         {{"RandomSearch", method<RandomSearchOptions>(random_search)}}},
        {"latin_hypercube",
         "Latin hypercubes, one per batch",
         method<LatinHypercubeOptions>(latin_hypercube_search),
         {{"LHSSearch", method<LatinHypercubeOptions>(latin_hypercube_search)}}},
        {"sobol", "scrambled Sobol points", method<SobolOptions>(sobol_search), {}},
        {"halton",
         "scrambled Halton points",
         method<HaltonOptions>(halton_search),
         {{"ScrHaltonSearch", method<HaltonOptions>(halton_search)}}},
    };
    return list;
}

}  // namespace

std::unique_ptr<OptimizerMethod> optimizer_method(std::string_view name) {
    std::vector<std::string> names;
    for (const Entry& entry : entries()) {
        if (entry.name == name) return entry.make();
        names.push_back(entry.name);
        for (const Alias& alias : entry.aliases) {
            if (alias.name == name) return alias.make();
            names.push_back(alias.name);
        }
    }
    const std::string hint = did_you_mean(name, names);
    throw ConfigError(fmt::format("unknown optimizer `{}`", name),
                      hint.empty() ? fmt::format("one of: {}", fmt::join(names, ", ")) : hint);
}

std::vector<MethodInfo> optimizer_methods() {
    std::vector<MethodInfo> result;
    for (const Entry& entry : entries()) {
        MethodInfo info{entry.name, {}, entry.summary};
        for (const Alias& alias : entry.aliases) info.aliases.push_back(alias.name);
        result.push_back(std::move(info));
    }
    return result;
}

}  // namespace spikesmith
