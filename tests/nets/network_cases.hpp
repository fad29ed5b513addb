// The networks that the tests of this room go through, and data for them.
#pragma once

#include <cmath>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "spikesmith/math/random_stream.hpp"
#include "spikesmith/nets/conditional_density.hpp"
#include "spikesmith/nets/ratio_estimator.hpp"

namespace spikesmith::nets::tests {

inline std::vector<double> normals(std::size_t n, std::uint64_t seed, double scale = 1) {
    math::RandomStream random(seed, 77);
    std::vector<double> result(n);
    for (double& v : result) v = scale * random.next_normal();
    return result;
}

inline std::vector<std::uint32_t> counting(std::size_t n) {
    std::vector<std::uint32_t> result(n);
    std::iota(result.begin(), result.end(), 0U);
    return result;
}

// Parameters away from their special starting values, so that nothing is hidden behind zeros.
template <class Network>
void disturb(Network& network, double scale = 0.15) {
    math::RandomStream random(5, 5);
    for (float& p : network.parameters()) {
        const double change = scale * random.next_normal();
        if (p != 0.0F) p += static_cast<float>(change);
    }
}

struct DensityCase {
    std::string name;
    DensitySpecification what;
};

inline std::vector<DensityCase> density_cases() {
    std::vector<DensityCase> cases;
    const auto add = [&](const std::string& name, DensityKind kind, std::size_t D,
                         std::size_t C) -> DensitySpecification& {
        DensitySpecification what{.kind = kind, .theta_dimensions = D, .x_dimensions = C};
        what.options.hidden_features = 20;
        what.options.num_transforms = 3;
        what.options.num_components = 4;
        cases.push_back({name, what});
        return cases.back().what;
    };
    add("made_cut", DensityKind::made, 3, 4).cut = {0, 2};
    DensitySpecification& cut = add("made_cut_scaled", DensityKind::made, 1, 2);
    cut.cut = {0};
    cut.theta_scale = {.mean = {0.4}, .deviation = {0.2}};
    for (const DensityKind kind : {DensityKind::mdn, DensityKind::made, DensityKind::maf, DensityKind::nsf}) {
        const std::string name = name_of(kind);
        add(name, kind, 3, 4);
        add(name + "_of_one", kind, 1, 2);
        DensitySpecification& scaled = add(name + "_scaled_in_a_box", kind, 3, 4);
        scaled.support = {.lower = {-2, -std::numeric_limits<double>::infinity(), -5},
                          .upper = {3, std::numeric_limits<double>::infinity(), 4}};
        scaled.theta_scale = {.mean = {0.1, 0.3, -0.2}, .deviation = {1.5, 2, 0.7}};
        scaled.x_scale = {.mean = {0.1, 0, 0, 1}, .deviation = {1, 2, 0.5, 1}};
        scaled.mask_missing = true;
    }
    DensitySpecification& probit = add("maf_probit_and_half_bounds", DensityKind::maf, 3, 4);
    const double infinity = std::numeric_limits<double>::infinity();
    probit.support = {.lower = {-4, -6, -infinity}, .upper = {4, infinity, 6}, .transform = BoundTransform::probit};
    add("maf_with_mlp", DensityKind::maf, 2, 7).embedding = {
        .kind = EmbeddingKind::mlp, .output_features = 5, .hidden_features = 12};
    add("maf_with_cnn", DensityKind::maf, 2, 40).embedding = {.kind = EmbeddingKind::cnn,
                                                              .output_features = 5,
                                                              .hidden_features = 12,
                                                              .num_layers = 1,
                                                              .input_channels = 2,
                                                              .out_channels = {3, 4}};
    add("nsf_with_yulenet", DensityKind::nsf, 2, 300).embedding = {.kind = EmbeddingKind::yulenet,
                                                                   .output_features = 4};
    return cases;
}

struct RatioCase {
    std::string name;
    RatioSpecification what;
};

inline std::vector<RatioCase> ratio_cases() {
    std::vector<RatioCase> cases;
    for (const ClassifierKind kind : {ClassifierKind::linear, ClassifierKind::mlp, ClassifierKind::resnet}) {
        RatioSpecification what{.kind = kind, .theta_dimensions = 3, .x_dimensions = 4};
        what.options.hidden_features = 20;
        what.theta_scale = {.mean = {0.1, 0.3, -0.2}, .deviation = {1.5, 2, 0.7}};
        cases.push_back({name_of(kind), what});
    }
    return cases;
}

}  // namespace spikesmith::nets::tests
