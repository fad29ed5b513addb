#include "spikesmith/infer/posterior_file.hpp"

#include <utility>
#include <variant>

#include <fmt/format.h>

#include "spikesmith/core/checksum.hpp"
#include "spikesmith/core/error.hpp"
#include "spikesmith/infer/posterior.hpp"

namespace spikesmith {

namespace {

void write(BinaryWriter& writer, const Dimension& dimension) {
    for (int k = 0; k < Dimension::count; ++k) writer.real(dimension.exponent(k));
}

Dimension read_dimension(BinaryReader& reader) {
    std::array<double, Dimension::count> exponents{};
    for (double& exponent : exponents) exponent = reader.real();
    return Dimension(exponents);
}

// Numbers of a distribution in the order of its struct.
struct Numbers {
    std::vector<double> operator()(const UniformDistribution& d) const { return {d.low, d.high}; }
    std::vector<double> operator()(const LogUniformDistribution& d) const { return {d.low, d.high}; }
    std::vector<double> operator()(const NormalDistribution& d) const { return {d.mean, d.deviation}; }
    std::vector<double> operator()(const TruncatedNormalDistribution& d) const {
        return {d.mean, d.deviation, d.low, d.high};
    }
    std::vector<double> operator()(const LogNormalDistribution& d) const { return {d.median, d.log_deviation}; }
    std::vector<double> operator()(const TabulatedDistribution& d) const {
        std::vector<double> numbers{d.low, d.high};
        numbers.insert(numbers.end(), d.density.begin(), d.density.end());
        return numbers;
    }
};

Distribution make_distribution(std::uint64_t kind, const std::vector<double>& n, const BinaryReader& reader) {
    const auto need = [&](std::size_t count) {
        if (n.size() != count) reader.damaged();
    };
    switch (kind) {
        case 0:
            need(2);
            return Distribution(UniformDistribution{n[0], n[1]});
        case 1:
            need(2);
            return Distribution(LogUniformDistribution{n[0], n[1]});
        case 2:
            need(2);
            return Distribution(NormalDistribution{n[0], n[1]});
        case 3:
            need(4);
            return Distribution(TruncatedNormalDistribution{n[0], n[1], n[2], n[3]});
        case 4:
            need(2);
            return Distribution(LogNormalDistribution{n[0], n[1]});
        case 5:
            if (n.size() < 4) reader.damaged();
            return Distribution(TabulatedDistribution{n[0], n[1], {n.begin() + 2, n.end()}});
        default:
            reader.damaged();
    }
}

void write(BinaryWriter& writer, const Array2& array) {
    writer.integer(array.rows);
    writer.integer(array.columns);
    writer.reals(array.values);
}

Array2 read_array(BinaryReader& reader) {
    Array2 array;
    array.rows = reader.integer();
    array.columns = reader.integer();
    array.values = reader.reals();
    const bool empty = array.rows == 0 || array.columns == 0;
    if (empty ? !array.values.empty()
              : array.values.size() / array.columns != array.rows || array.values.size() % array.columns != 0)
        reader.damaged();
    return array;
}

}  // namespace

void write(BinaryWriter& writer, const Prior& prior) {
    writer.integer(prior.dimension());
    for (const ParameterPrior& parameter : prior.parameters()) {
        writer.text(parameter.name);
        write(writer, parameter.dimension);
        writer.integer(parameter.distribution.kind().index());
        writer.reals(std::visit(Numbers(), parameter.distribution.kind()));
    }
    write(writer, prior.covariance());
}

Prior read_prior(BinaryReader& reader) {
    std::vector<ParameterPrior> parameters;
    const std::uint64_t n = reader.count(80);
    for (std::uint64_t k = 0; k < n; ++k) {
        std::string name = reader.text();
        const Dimension dimension = read_dimension(reader);
        const std::uint64_t kind = reader.integer();
        parameters.push_back({std::move(name), dimension, make_distribution(kind, reader.reals(), reader)});
    }
    const Array2 covariance = read_array(reader);
    if (covariance.empty()) return Prior(std::move(parameters));
    std::vector<std::string> names;
    std::vector<Dimension> parameter_dimensions;
    std::vector<double> mean;
    for (const ParameterPrior& parameter : parameters) {
        const auto* normal = std::get_if<NormalDistribution>(&parameter.distribution.kind());
        if (normal == nullptr) reader.damaged();
        names.push_back(parameter.name);
        parameter_dimensions.push_back(parameter.dimension);
        mean.push_back(normal->mean);
    }
    return Prior::correlated_normal(names, parameter_dimensions, mean, covariance);
}

std::string Posterior::to_bytes() const {
    BinaryWriter content;
    spikesmith::write(content, prior_);
    spikesmith::write(content, *estimator_);
    write(content, observation());
    content.integer(static_cast<std::uint64_t>(options_.sample_with));
    content.integer(options_.pool);
    content.integer(options_.max_proposals);
    const ChainOptions& chains = options_.chains;
    content.integer(static_cast<std::uint64_t>(chains.method));
    for (const std::size_t value :
         {chains.num_chains, chains.warmup_steps, chains.thin, chains.leapfrog_steps, chains.max_tree_depth})
        content.integer(value);
    content.real(chains.target_acceptance);

    Checksum sum;
    sum.add(content.bytes());
    BinaryWriter header;
    header.integer(posterior_version);
    header.integer(content.bytes().size());
    header.integer(sum.value());
    return std::string(posterior_magic) + header.bytes() + content.bytes();
}

Posterior Posterior::from_bytes(std::string_view bytes, const std::string& source_name) {
    if (!bytes.starts_with(posterior_magic))
        throw DataError(fmt::format("{} is no posterior of Spikesmith", source_name),
                        "such files are written by save_posterior");
    BinaryReader header(bytes.substr(posterior_magic.size()), source_name);
    const std::uint64_t version = header.integer();
    if (version == 0 || version > posterior_version) {
        throw DataError(fmt::format("{} is a posterior of format {}; this program reads formats up to {}", source_name,
                                    version, posterior_version));
    }
    const std::uint64_t size = header.integer();
    const std::uint64_t checksum = header.integer();
    const std::string_view content = bytes.substr(posterior_magic.size() + 24);
    Checksum sum;
    sum.add(content);
    if (content.size() != size || sum.value() != checksum) header.damaged();
    BinaryReader reader(content, source_name);
    Prior prior = read_prior(reader);
    auto estimator = std::make_shared<const Estimator>(read_estimator(reader, version));
    const Array2 observation = read_array(reader);
    PosteriorOptions options;
    const std::uint64_t sample_with = reader.integer();
    if (sample_with > static_cast<std::uint64_t>(SampleMethod::rejection)) reader.damaged();
    options.sample_with = static_cast<SampleMethod>(sample_with);
    options.pool = reader.integer();
    options.max_proposals = reader.integer();
    const std::uint64_t method = reader.integer();
    if (method > static_cast<std::uint64_t>(ChainMethod::nuts)) reader.damaged();
    ChainOptions& chains = options.chains;
    chains.method = static_cast<ChainMethod>(method);
    for (std::size_t* value :
         {&chains.num_chains, &chains.warmup_steps, &chains.thin, &chains.leapfrog_steps, &chains.max_tree_depth})
        *value = reader.integer();
    chains.target_acceptance = reader.real();
    reader.end();
    return {std::move(prior), std::move(estimator), observation, options};
}

}  // namespace spikesmith
