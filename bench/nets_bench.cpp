// Speed of the neural networks on one thread: training steps, atomic steps, samples. The same networks with libtorch's
// automatic derivatives, where libtorch is found, in the same run.
//
//     nets_bench [--seconds 1] [--portable | --avx2]
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <numeric>
#include <string>
#include <vector>

#include "spikesmith/math/random_stream.hpp"
#include "spikesmith/nets/adam.hpp"
#include "spikesmith/nets/conditional_density.hpp"
#include "spikesmith/nets/ratio_estimator.hpp"

#if defined(SPIKESMITH_HAS_TORCH)
#include "nets/torch_networks.hpp"
#endif

namespace {

using namespace spikesmith;
using namespace spikesmith::nets;

constexpr std::size_t dimensions = 10;
constexpr std::size_t features = 10;
constexpr std::size_t samples = 4000;

// The median time of a call in milliseconds of processor time, over `seconds` of calls: other programs hardly matter.
template <class F>
double milliseconds(double seconds, const F& call) {
    const auto now = [] {
        timespec time{};
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
        return 1e3 * static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_nsec);
    };
    call();
    const double start = now();
    std::vector<double> times;
    while (now() - start < 1e3 * seconds || times.size() < 5) {
        const double before = now();
        call();
        times.push_back(now() - before);
    }
    std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
    return times[times.size() / 2];
}

std::vector<double> normals(std::size_t n, std::uint64_t seed) {
    math::RandomStream random(seed, 1);
    std::vector<double> result(n);
    for (double& v : result) v = random.next_normal();
    return result;
}

struct Problem {
    std::vector<double> theta = normals(samples * dimensions, 1);
    std::vector<double> x = normals(samples * features, 2);
};

// A minibatch of `rows` with candidates: the row's own theta, then others of the batch.
struct Batch {
    std::vector<std::uint32_t> rows, candidates;
    Batch(std::size_t count, std::size_t atoms) : rows(count) {
        for (std::size_t i = 0; i < count; ++i) rows[i] = static_cast<std::uint32_t>((i * 37) % samples);
        for (std::size_t m = 0; m < atoms; ++m) {
            for (std::size_t i = 0; i < count; ++i) candidates.push_back(rows[(i + m) % count]);
        }
    }
    [[nodiscard]] Minibatch view() const { return {.x = rows, .theta = candidates}; }
};

template <class Network>
double step_time(Network& network, const Problem& problem, std::size_t rows, std::size_t atoms, double seconds,
                 InstructionSet set) {
    const TrainingData data = network.prepare(problem.theta, problem.x);
    const Batch batch(rows, atoms);
    Adam adam(network.parameters().size(), {.learning_rate = 1e-6}, set);
    std::vector<float> gradient(network.parameters().size(), 0.0F);
    Workspace workspace(set);
    return milliseconds(seconds, [&] {
        const Minibatch view = batch.view();
        network.accumulate(data, view, atoms == 1 ? likelihood_loss(view) : contrastive_loss(view), gradient,
                           workspace);
        adam.step(network.parameters(), gradient);
    });
}

#if defined(SPIKESMITH_HAS_TORCH)
torch::Tensor rows_of(const std::vector<double>& values, const std::vector<std::uint32_t>& rows, std::size_t columns) {
    torch::Tensor result = torch::empty({static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(columns)});
    for (std::size_t i = 0; i < rows.size(); ++i) {
        for (std::size_t c = 0; c < columns; ++c)
            result.data_ptr<float>()[i * columns + c] = static_cast<float>(values[rows[i] * columns + c]);
    }
    return result;
}

template <class Net>
double reference_time(const Net& net, reference::Parameters& parameters, const Problem& problem, std::size_t rows,
                      std::size_t atoms, double seconds) {
    const Batch batch(rows, atoms);
    const torch::Tensor theta = rows_of(problem.theta, batch.candidates, dimensions);
    const torch::Tensor x = rows_of(problem.x, batch.rows, features).repeat({static_cast<std::int64_t>(atoms), 1});
    torch::optim::Adam adam(parameters.leaves, torch::optim::AdamOptions(1e-6));
    return milliseconds(seconds, [&] {
        adam.zero_grad();
        const torch::Tensor values = net.log_prob(theta, x);
        torch::Tensor loss;
        if (atoms == 1) {
            loss = -values.mean();
        } else {
            const torch::Tensor table = values.view({static_cast<std::int64_t>(atoms), -1});
            loss = -(table[0] - torch::logsumexp(table, 0)).mean();
        }
        loss.backward();
        torch::nn::utils::clip_grad_norm_(parameters.leaves, 5.0);
        adam.step();
    });
}
#endif

void print(const std::string& what, double ours, double other) {
    if (other > 0) {
        std::printf("%-44s %9.3f ms   libtorch %9.3f ms   %6.1f times\n", what.c_str(), ours, other, other / ours);
    } else {
        std::printf("%-44s %9.3f ms\n", what.c_str(), ours);
    }
}

void flow(DensityKind kind, const Problem& problem, double seconds, InstructionSet set) {
    const std::string name = kind == DensityKind::maf ? "MAF" : "NSF";
    ConditionalDensity density({.kind = kind, .theta_dimensions = dimensions, .x_dimensions = features}, 1);
    for (const auto& [rows, atoms] : {std::pair<std::size_t, std::size_t>{200, 1}, {50, 1}, {200, 10}}) {
        const double ours = step_time(density, problem, rows, atoms, seconds, set);
        double other = 0;
#if defined(SPIKESMITH_HAS_TORCH)
        torch::set_num_threads(1);
        reference::Parameters parameters(density.parameters());
        if (kind == DensityKind::maf) {
            const reference::Maf net(parameters, dimensions, features, 50, 5, 1);
            other = reference_time(net, parameters, problem, rows, atoms, seconds);
        } else {
            const reference::Nsf net(parameters, dimensions, features, 50, 5, 10);
            other = reference_time(net, parameters, problem, rows, atoms, seconds);
        }
#endif
        print(name + " training step, batch " + std::to_string(rows) +
                  (atoms > 1 ? ", " + std::to_string(atoms) + " atoms" : ""),
              ours, other);
    }
    const ObservedDensity at = density.at(std::vector<double>(features, 0.3));
    Workspace workspace(set);
    std::vector<double> theta(10000 * dimensions);
    print(name + " 10 000 samples", milliseconds(seconds, [&] { at.sample(theta, 1, 0, workspace); }), 0);
    std::vector<double> values(10000);
    print(name + " 10 000 log densities, one x", milliseconds(seconds, [&] { at.log_prob(theta, values, workspace); }),
          0);
}

}  // namespace

int main(int argc, char** argv) {
    double seconds = 1;
    InstructionSet set = instruction_sets().back();
    for (int i = 1; i < argc; ++i) {
        if (std::strcmp(argv[i], "--portable") == 0) set = InstructionSet::portable;
        if (std::strcmp(argv[i], "--avx2") == 0) set = InstructionSet::avx2;
        if (std::strcmp(argv[i], "--seconds") == 0 && i + 1 < argc) seconds = std::stod(argv[++i]);
    }
    std::printf("one thread, theta and x of 10 values, default networks; medians\n");
    const Problem problem;
    flow(DensityKind::maf, problem, seconds, set);
    flow(DensityKind::nsf, problem, seconds, set);
    ConditionalDensity mdn({.kind = DensityKind::mdn, .theta_dimensions = dimensions, .x_dimensions = features}, 1);
    print("MDN training step, batch 200", step_time(mdn, problem, 200, 1, seconds, set), 0);
    ConditionalDensity made({.kind = DensityKind::made, .theta_dimensions = dimensions, .x_dimensions = features}, 1);
    print("MADE training step, batch 200", step_time(made, problem, 200, 1, seconds, set), 0);
    RatioEstimator ratio({.kind = ClassifierKind::resnet, .theta_dimensions = dimensions, .x_dimensions = features}, 1);
    print("classifier (resnet) step, batch 200, 10 atoms", step_time(ratio, problem, 200, 10, seconds, set), 0);
}
