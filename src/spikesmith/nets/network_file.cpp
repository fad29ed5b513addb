#include "spikesmith/nets/network_file.hpp"

#include <bit>
#include <cstring>
#include <string>
#include <type_traits>

#include "spikesmith/core/checksum.hpp"
#include "spikesmith/core/error.hpp"

namespace spikesmith::nets {
namespace {

constexpr std::string_view magic = "SPKSNETS";
constexpr std::uint64_t version =
    4;  // 1: masked flows without units of degree 0; 2: with other permutations; 3: without `cut`

// Numbers of 8 bytes, least significant first; floats of 4.
class Writer {
  public:
    void operator()(std::uint64_t v) { put(v, 8); }
    void operator()(double v) { put(std::bit_cast<std::uint64_t>(v), 8); }
    void operator()(float v) { put(std::bit_cast<std::uint32_t>(v), 4); }
    void operator()(bool v) { (*this)(std::uint64_t{v ? 1U : 0U}); }
    template <class E>
    requires std::is_enum_v<E>
    void operator()(E v) { (*this)(static_cast<std::uint64_t>(v)); }
    template <class T>
    void operator()(const std::vector<T>& list) {
        (*this)(std::uint64_t{list.size()});
        for (const T& v : list) (*this)(v);
    }
    void operator()(const std::optional<std::size_t>& v) {
        (*this)(v.has_value());
        (*this)(std::uint64_t{v.value_or(0)});
    }
    void text(std::string_view characters) {
        for (const char c : characters) bytes.push_back(static_cast<std::byte>(c));
    }
    std::vector<std::byte> bytes;

  private:
    void put(std::uint64_t v, int count) {
        for (int i = 0; i < count; ++i) bytes.push_back(static_cast<std::byte>(v >> (8 * i)));
    }
};

class Reader {
  public:
    explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}
    void operator()(std::uint64_t& v) { v = take(8); }
    void operator()(double& v) { v = std::bit_cast<double>(take(8)); }
    void operator()(float& v) { v = std::bit_cast<float>(static_cast<std::uint32_t>(take(4))); }
    void operator()(bool& v) { v = take(8) != 0; }
    template <class E>
    requires std::is_enum_v<E>
    void operator()(E& v) {
        const std::uint64_t number = take(8);
        if (number > 15) throw DataError("the stored network has an unknown kind");
        v = static_cast<E>(number);
    }
    template <class T>
    void operator()(std::vector<T>& list) {
        const std::uint64_t size = take(8);
        if (size > bytes_.size() / sizeof(T)) throw DataError("the stored network is cut short");
        list.resize(size);
        for (T& v : list) (*this)(v);
    }
    void operator()(std::optional<std::size_t>& v) {
        bool has = false;
        std::uint64_t value = 0;
        (*this)(has);
        (*this)(value);
        v = has ? std::optional<std::size_t>(value) : std::nullopt;
    }
    [[nodiscard]] std::size_t left() const { return bytes_.size(); }

  private:
    std::uint64_t take(std::size_t count) {
        if (bytes_.size() < count) throw DataError("the stored network is cut short");
        std::uint64_t v = 0;
        for (std::size_t i = 0; i < count; ++i)
            v |= std::uint64_t{std::to_integer<std::uint64_t>(bytes_[i])} << (8 * i);
        bytes_ = bytes_.subspan(count);
        return v;
    }
    std::span<const std::byte> bytes_;
};

// One list of fields serves writing and reading; the order is the format.
template <class Visitor, class S>
void visit(Visitor& f, S& scale) requires std::is_same_v<std::remove_const_t<S>, Standardization> {
    f(scale.mean);
    f(scale.deviation);
    f(scale.constant);
}

template <class Visitor, class S>
void visit_common(Visitor& f, S& what) {
    f(what.kind);
    f(what.theta_dimensions);
    f(what.x_dimensions);
    visit(f, what.theta_scale);
    visit(f, what.x_scale);
    f(what.mask_missing);
    auto& e = what.embedding;
    f(e.kind);
    f(e.output_features);
    f(e.hidden_features);
    f(e.num_layers);
    f(e.input_channels);
    f(e.out_channels);
    f(e.kernel_size);
    f(e.stride);
    f(e.padding);
    f(e.pool_kernel_size);
    f(e.dropout);
}

// `stored`: the version of the format.
template <class Visitor, class S>
void visit_density(Visitor& f, S& what, std::uint64_t stored) {
    visit_common(f, what);
    auto& o = what.options;
    f(o.hidden_features);
    f(o.num_transforms);
    f(o.num_blocks);
    f(o.num_bins);
    f(o.tail_bound);
    f(o.num_components);
    f(what.support.lower);
    f(what.support.upper);
    f(what.support.transform);
    if (stored > 3) f(what.cut);
}

template <class Visitor, class S>
void visit_ratio(Visitor& f, S& what) {
    visit_common(f, what);
    f(what.options.hidden_features);
    f(what.options.num_blocks);
}

std::uint64_t checksum(std::span<const std::byte> bytes) {
    Checksum sum;
    for (const std::byte b : bytes) sum.add(std::to_integer<std::uint64_t>(b));
    return sum.value();
}

bool known(const DensitySpecification& what) {
    return !name_of(what.kind).empty() && !name_of(what.embedding.kind).empty() &&
           what.support.transform <= BoundTransform::probit;
}
bool known(const RatioSpecification& what) {
    return !name_of(what.kind).empty() && !name_of(what.embedding.kind).empty();
}

}  // namespace

std::vector<std::byte> write_network(const PairNetwork& network, std::span<const float> parameters) {
    Writer write;
    write.text(magic);
    write(version);
    const PairNetwork::Specification& specification = network.specification();
    write(std::uint64_t{specification.index()});
    write(network.seed());
    if (const auto* density = std::get_if<DensitySpecification>(&specification))
        visit_density(write, *density, version);
    if (const auto* ratio = std::get_if<RatioSpecification>(&specification)) visit_ratio(write, *ratio);
    write(std::vector<float>(parameters.begin(), parameters.end()));
    write(checksum(write.bytes));
    return write.bytes;
}

StoredNetwork read_network(std::span<const std::byte> block) {
    const std::size_t head = magic.size();
    if (block.size() < head + 16 || std::memcmp(block.data(), magic.data(), head) != 0) {
        throw DataError("this is not a stored network", "it must begin with " + std::string(magic));
    }
    Reader read(block.subspan(head));
    std::uint64_t number = 0;
    read(number);
    if (number != version && number != 3) {
        throw DataError("the stored network has format version " + std::to_string(number),
                        "this program reads versions 3 and " + std::to_string(version));
    }
    std::uint64_t stored_sum = 0;
    Reader(block.last(8))(stored_sum);
    if (stored_sum != checksum(block.first(block.size() - 8)))
        throw DataError("the stored network is damaged: its checksum does not fit");
    std::uint64_t kind = 0;
    std::uint64_t seed = 0;
    read(kind);
    read(seed);
    PairNetwork::Specification specification;
    bool all_known = false;
    if (kind == 0) {
        DensitySpecification what;
        visit_density(read, what, number);
        all_known = known(what);
        specification = std::move(what);
    } else {
        RatioSpecification what;
        visit_ratio(read, what);
        all_known = kind == 1 && known(what);
        specification = std::move(what);
    }
    StoredNetwork result;
    read(result.parameters);
    if (!all_known || read.left() != 8)
        throw DataError("the stored network is of a kind that this program does not know");
    result.network = std::make_shared<const PairNetwork>(std::move(specification), seed);
    if (result.network->parameters() != result.parameters.size())
        throw DataError("the stored network has the wrong number of parameters");
    return result;
}

}  // namespace spikesmith::nets
