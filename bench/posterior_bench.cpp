// How long posteriors take on one thread: learning from 10 000 simulations, sampling networks, Markov chains on a learned likelihood, each
// beside what sbi 0.27 needed for the same on the reference machine (stored figures). Processor time, so that a busy machine does not matter;
// the task is gaussian_linear_uniform of benchmark_tasks.hpp, ten parameters and ten values.
//
//     posterior_bench [--simulations 10000]
#include <cstdio>
#include <cstring>
#include <ctime>
#include <string>

#include "infer/benchmark_tasks.hpp"
#include <fmt/format.h>
#include <tbb/global_control.h>

#include "spikesmith/infer/inference.hpp"
#include "spikesmith/infer/posterior.hpp"

using namespace spikesmith;

namespace {

double processor_seconds() {
    std::timespec time{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

void report(const std::string& what, double seconds, double peer, double limit, const std::string& more) {
    fmt::print("{:<44} {:>8.3f} s   sbi {:>6.2f} s   ratio {:>6.1f}   limit {:>5.2f} s   {}\n", what, seconds, peer,
               peer / seconds, limit, more);
    std::fflush(stdout);
}

}  // namespace

int main(int count, char** arguments) try {
    std::size_t simulations = 10000;
    if (count == 3 && std::strcmp(arguments[1], "--simulations") == 0) simulations = std::stoul(arguments[2]);
    const tbb::global_control one_thread(tbb::global_control::max_allowed_parallelism, 1);
    const test::BenchmarkTask task = test::gaussian_linear_uniform();
    const Array2 theta = task.prior.sample(simulations, 1);
    const Array2 x = task.run(theta, 1);
    Array2 truth(1, theta.columns);
    for (std::size_t d = 0; d < truth.columns; ++d) truth(0, d) = 0.1 * static_cast<double>(d) - 0.45;
    const Array2 observation = task.run(truth, 2);

    const auto learn = [&](InferenceMethod method, double& seconds, TrainingReport& learned) {
        Inference inference(task.prior, {.method = method});
        inference.append({theta, x, {}}, SimulatedFrom::prior);
        const double start = processor_seconds();
        learned = inference.train({.seed = 1});
        seconds = processor_seconds() - start;
        return inference.estimator();
    };
    double seconds = 0;
    TrainingReport learned;
    const auto describe = [&] {
        const NetworkReport& network = learned.networks.front();
        return fmt::format("{} epochs, {:.1f} ms each, validation loss {:.3f}", network.epochs,
                           1e3 * seconds / static_cast<double>(network.epochs), network.validation_loss);
    };
    const Posterior posterior(task.prior, learn(InferenceMethod::snpe, seconds, learned), observation);
    report(fmt::format("SNPE, {} simulations, MAF", simulations), seconds, 41, 4, describe());
    (void)posterior.sample(100, 1);
    double start = processor_seconds();
    for (std::uint64_t k = 0; k < 10; ++k) (void)posterior.sample(10000, k);
    report("10 000 samples of the MAF", (processor_seconds() - start) / 10, 0.55, 0.015, "");

    const std::shared_ptr<const Estimator> likelihood = learn(InferenceMethod::snle, seconds, learned);
    report(fmt::format("SNLE, {} simulations, MAF", simulations), seconds, 41, 4, describe());
    for (const char* method : {"slice", "hmc", "nuts"}) {
        PosteriorOptions options;
        options.chains.method = chain_method(method);
        const Posterior sampled(task.prior, likelihood, observation, options);
        start = processor_seconds();
        const ChainSamples chains = sampled.sample_with_chains(1000, 3);
        const double taken = processor_seconds() - start;
        report(fmt::format("1000 samples of SNLE, {}", method), taken, 29, 1,
               fmt::format("{}, {} evaluations of {:.2f} us", chains.summary(), chains.evaluations,
                           1e6 * taken / static_cast<double>(chains.evaluations)));
    }
    const Posterior automatic(task.prior, likelihood, observation);
    start = processor_seconds();
    const ChainSamples chains = automatic.sample_with_chains(1000, 4);
    report("1000 samples of SNLE, defaults", processor_seconds() - start, 29, 1, chains.summary());
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
