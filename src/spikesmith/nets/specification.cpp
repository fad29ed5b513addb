#include "spikesmith/nets/specification.hpp"

#include <array>
#include <utility>

#include "spikesmith/core/error.hpp"

namespace spikesmith::nets {
namespace {

template <class Kind, std::size_t n>
using Names = std::array<std::pair<std::string_view, Kind>, n>;

constexpr Names<DensityKind, 4> density_names{
    {{"mdn", DensityKind::mdn}, {"made", DensityKind::made}, {"maf", DensityKind::maf}, {"nsf", DensityKind::nsf}}};
constexpr Names<ClassifierKind, 3> classifier_names{
    {{"linear", ClassifierKind::linear}, {"mlp", ClassifierKind::mlp}, {"resnet", ClassifierKind::resnet}}};
constexpr Names<EmbeddingKind, 5> embedding_names{{{"identity", EmbeddingKind::identity},
                                                   {"mlp", EmbeddingKind::mlp},
                                                   {"cnn", EmbeddingKind::cnn},
                                                   {"yulenet", EmbeddingKind::yulenet},
                                                   {"torchscript", EmbeddingKind::torchscript}}};
constexpr Names<ZScore, 3> z_score_names{
    {{"none", ZScore::none}, {"independent", ZScore::independent}, {"structured", ZScore::structured}}};

template <class Kind, std::size_t n>
Kind find(const Names<Kind, n>& names, std::string_view name, const std::string& what) {
    std::vector<std::string> known;
    std::string list;
    for (const auto& [text, kind] : names) {
        if (text == name) return kind;
        known.emplace_back(text);
        list += (list.empty() ? "" : ", ") + std::string(text);
    }
    const std::string hint = did_you_mean(name, known);
    throw ConfigError("unknown " + what + " `" + std::string(name) + "`", hint.empty() ? "one of " + list : hint);
}

template <class Kind, std::size_t n>
std::string name(const Names<Kind, n>& names, Kind kind) {
    for (const auto& [text, other] : names) {
        if (other == kind) return std::string(text);
    }
    return {};
}

}  // namespace

DensityKind density_kind(std::string_view name) {
    return find(density_names, name, "density estimator");
}
ClassifierKind classifier_kind(std::string_view name) {
    return find(classifier_names, name, "classifier");
}
EmbeddingKind embedding_kind(std::string_view name) {
    return find(embedding_names, name, "embedding");
}
ZScore z_score(std::string_view name) {
    return find(z_score_names, name, "z-score");
}
std::string name_of(DensityKind kind) {
    return name(density_names, kind);
}
std::string name_of(ClassifierKind kind) {
    return name(classifier_names, kind);
}
std::string name_of(EmbeddingKind kind) {
    return name(embedding_names, kind);
}

}  // namespace spikesmith::nets
