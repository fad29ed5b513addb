// What a network is: its kind, its sizes, how its inputs are scaled, what reads the observation.
//
// Plain structs with defaults; the options carry the names that users of sbi know. Words: `theta` is the variable whose
// density is described (D values), `x` is what it is conditioned on (C values). A likelihood estimator, q(x | theta),
// simply has the roles exchanged: its `theta` is the observation.
//
// The architectures and their defaults: Papamakarios et al. 2017 (MAF), Durkan et al. 2019 (NSF), Germain et al. 2015
// (MADE), Bishop 1994 (MDN), Hermans et al. 2020 and Durkan et al. 2020 (ratio estimators).
#pragma once

#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace spikesmith::nets {

// Shift and scale per value: (v - mean) / deviation.
struct Standardization {
    std::vector<double> mean;
    std::vector<double> deviation;
    std::vector<std::size_t> constant;  // indices of values that never change: their deviation is 1, so they map to 0
};

enum class ZScore {
    none,
    independent,  // each value by its own mean and deviation
    structured,   // one mean over everything, one deviation: the mean over samples of each sample's deviation (traces)
};

// From `rows` (N x dimensions, row-major), deviation with N - 1. Values that are not finite are left out. Throws
// DataError if a value has no finite sample.
[[nodiscard]] Standardization measure(std::span<const double> rows, std::size_t dimensions,
                                      ZScore mode = ZScore::independent);

// Where theta lives. An unbounded side is infinite. Bounds are part of the density: it is zero outside, and
// normalised inside, by a change of variables in front of the network: per value,
//   both bounds   logit((v - lower) / (upper - lower)), or the normal quantile (probit) of that fraction
//   one bound     log(v - lower) or -log(upper - v)
//   none          v
enum class BoundTransform { logit, probit };
struct Support {
    std::vector<double> lower;  // D values; empty: unbounded everywhere
    std::vector<double> upper;
    BoundTransform transform = BoundTransform::logit;
};

// As `measure`, of theta after the change of variables, with `cut` as in DensitySpecification. Throws DataError for values outside the
// support.
[[nodiscard]] Standardization measure_inside(const Support& support, std::span<const double> theta,
                                             std::size_t dimensions, ZScore mode = ZScore::independent,
                                             const std::vector<std::size_t>& cut = {});

// What turns x into the features that the density sees; trained together with it.
enum class EmbeddingKind { identity, mlp, cnn, yulenet, torchscript };
struct Embedding {
    EmbeddingKind kind = EmbeddingKind::identity;
    std::size_t output_features = 20;  // of mlp, cnn, yulenet

    // mlp: layers with ReLU between input and output
    std::size_t hidden_features = 50;
    std::size_t num_layers = 2;

    // cnn: convolution, ReLU, pooling, each once per entry; then mlp. yulenet sets all of it: two layers of 8 channels, kernel 64,
    // padding 32, average pooling by 16, dropout 0.5, one linear layer with ReLU (Rodrigues & Gramfort 2020).
    std::size_t input_channels = 1;  // x is channel after channel, each C / input_channels samples long
    std::vector<std::size_t> out_channels = {6, 12};
    std::size_t kernel_size = 5;
    std::size_t stride = 1;
    std::optional<std::size_t> padding;  // default kernel_size / 2
    std::size_t pool_kernel_size = 2;
    double dropout = 0;  // before the first linear layer, in training only

    // torchscript: a network of one's own, which `infer` puts in front of the density (torch_embedding.hpp)
    std::string file;
    std::string device = "cpu";  // or "cuda"
};

enum class DensityKind { mdn, made, maf, nsf };
struct DensityOptions {
    std::size_t hidden_features = 50;
    std::size_t num_transforms = 5;         // maf, nsf
    std::optional<std::size_t> num_blocks;  // default 2; made: 5
    std::size_t num_bins = 10;              // nsf
    double tail_bound = 3;                  // nsf: the spline acts inside +-tail_bound
    std::size_t num_components = 10;        // mdn, made
};

struct DensitySpecification {
    DensityKind kind = DensityKind::maf;
    std::size_t theta_dimensions = 0;  // D
    std::size_t x_dimensions = 0;      // C
    DensityOptions options;
    Support support;
    // made: dimensions, ascending, in which theta is standard normal before anything is known of it, and what is known often ends at a
    // bound of the original parameter. Their mixtures are of Phi(theta), Phi the normal distribution function, and cut at 0 and 1.
    std::vector<std::size_t> cut;
    Standardization theta_scale;  // of theta after the change of variables; empty: none
    Standardization x_scale;      // empty: none
    Embedding embedding;
    bool mask_missing = false;  // NaN in x means missing: becomes 0 and raises a flag, one further input per value of x
};

enum class ClassifierKind { linear, mlp, resnet };
struct ClassifierOptions {
    std::size_t hidden_features = 50;
    std::size_t num_blocks = 2;  // mlp: hidden layers; resnet: residual blocks
};

struct RatioSpecification {
    ClassifierKind kind = ClassifierKind::resnet;
    std::size_t theta_dimensions = 0;
    std::size_t x_dimensions = 0;
    ClassifierOptions options;
    Standardization theta_scale;
    Standardization x_scale;
    Embedding embedding;
    bool mask_missing = false;
};

// The names that configurations use ("maf", "resnet", "yulenet", ...); an unknown name throws ConfigError with a hint.
[[nodiscard]] DensityKind density_kind(std::string_view name);
[[nodiscard]] ClassifierKind classifier_kind(std::string_view name);
[[nodiscard]] EmbeddingKind embedding_kind(std::string_view name);
[[nodiscard]] ZScore z_score(std::string_view name);
[[nodiscard]] std::string name_of(DensityKind kind);
[[nodiscard]] std::string name_of(ClassifierKind kind);
[[nodiscard]] std::string name_of(EmbeddingKind kind);

}  // namespace spikesmith::nets
