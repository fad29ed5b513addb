#include "spikesmith/optimize/designs.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/math/random_stream.hpp"
#include "spikesmith/optimize/sobol_numbers.hpp"

namespace spikesmith {

namespace {

// Purposes of random streams: each design has its own, far from those of optimisers that use a design for their start.
constexpr std::uint64_t design_streams = std::uint64_t{3} << 60;
constexpr std::uint64_t random_stream = design_streams;
constexpr std::uint64_t sobol_stream = design_streams + 1;
constexpr std::uint64_t halton_stream = design_streams + 2;
constexpr std::uint64_t hypercube_streams = design_streams + (std::uint64_t{1} << 59);  // one per block

constexpr double below_one = 1 - 0x1p-53;

void require_dimension(std::size_t dimension) {
    if (dimension == 0) throw ConfigError("a design needs at least one parameter");
}

// Bits of a hash of (key, value): the finaliser of splitmix64 (Steele, Lea, Flood, OOPSLA 2014).
std::uint64_t hash(std::uint64_t key, std::uint64_t value) {
    std::uint64_t z = key ^ ((value + 1) * 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

std::uint64_t random_key(math::RandomStream& random) {
    return random.next_index(std::uint64_t{1} << 63);
}

// ------------------------------------------------------------------------------------------------------------ Sobol

constexpr unsigned sobol_bits = 32;
using Directions = std::array<std::uint32_t, sobol_bits>;

// Direction numbers v_1 ... v_32 of a dimension counted from 0, as fixed-point fractions (Joe & Kuo 2008, eq. 2 and 3).
Directions directions_of(std::size_t dimension) {
    Directions v{};
    if (dimension == 0) {
        for (unsigned k = 0; k < sobol_bits; ++k) v[k] = std::uint32_t{1} << (31 - k);
        return v;
    }
    const SobolNumbers& numbers = sobol_numbers[dimension - 1];
    const unsigned s = numbers.degree;
    for (unsigned k = 0; k < sobol_bits; ++k) {
        if (k < s) {
            v[k] = static_cast<std::uint32_t>(numbers.first[k]) << (31 - k);
            continue;
        }
        v[k] = v[k - s] ^ (v[k - s] >> s);
        for (unsigned i = 1; i < s; ++i) {
            if (((numbers.coefficients >> (s - 1 - i)) & 1) != 0) v[k] ^= v[k - i];
        }
    }
    return v;
}

// Nested uniform scrambling: each bit is flipped or not by a hash of the bits before it (Owen 1998).
std::uint32_t scramble(std::uint32_t bits, std::uint64_t key) {
    std::uint32_t result = 0;
    for (unsigned k = 0; k < sobol_bits; ++k) {
        const std::uint64_t prefix = (std::uint64_t{1} << k) | (k == 0 ? 0 : bits >> (32 - k));
        const auto flip = static_cast<std::uint32_t>(hash(key, prefix) >> 63);
        result |= (((bits >> (31 - k)) & 1) ^ flip) << (31 - k);
    }
    return result;
}

class SobolCoordinate {
  public:
    // key 0: not scrambled
    SobolCoordinate(std::size_t dimension, std::uint64_t key) : directions_(directions_of(dimension)), key_(key) {}

    double operator()(std::uint64_t k) const {
        std::uint32_t bits = 0;
        const auto low = static_cast<std::uint32_t>(k);
        for (std::uint32_t gray = low ^ (low >> 1); gray != 0; gray &= gray - 1) {
            bits ^= directions_[static_cast<unsigned>(std::countr_zero(gray))];
        }
        if (key_ == 0) return bits * 0x1p-32;
        const double rest = static_cast<double>(hash(~key_, k) >> 43) * 0x1p-21;  // digits beyond the 32nd
        return (scramble(bits, key_) + rest) * 0x1p-32;
    }

  private:
    Directions directions_;
    std::uint64_t key_;
};

// ----------------------------------------------------------------------------------------------------------- Halton

std::vector<std::uint64_t> first_primes(std::size_t n) {
    std::vector<std::uint64_t> primes;
    for (std::uint64_t candidate = 2; primes.size() < n; ++candidate) {
        if (std::ranges::none_of(primes, [&](std::uint64_t p) { return candidate % p == 0; }))
            primes.push_back(candidate);
    }
    return primes;
}

// The radical inverse in a base, each digit sent through a random permutation of its own (Owen 2017).
class HaltonCoordinate {
  public:
    explicit HaltonCoordinate(std::uint64_t base) : base_(base) {}
    HaltonCoordinate(std::uint64_t base, math::RandomStream& random) : base_(base) {
        // so many digits that a double holds no more
        const auto digits = static_cast<std::size_t>(std::ceil(53 / std::log2(static_cast<double>(base))));
        for (std::size_t digit = 0; digit < digits; ++digit) {
            std::vector<std::uint32_t> permutation(base);
            std::iota(permutation.begin(), permutation.end(), 0U);
            for (std::size_t s = base; s > 1; --s) std::swap(permutation[s - 1], permutation[random.next_index(s)]);
            permutations_.push_back(std::move(permutation));
        }
    }

    double operator()(std::uint64_t k) const {
        double value = 0;
        double unit = 1;
        const auto base = static_cast<double>(base_);
        if (permutations_.empty()) {
            for (; k != 0; k /= base_) {
                unit /= base;
                value += static_cast<double>(k % base_) * unit;
            }
        }
        for (const auto& permutation : permutations_) {
            unit /= base;
            value += permutation[k % base_] * unit;
            k /= base_;
        }
        return std::min(value, below_one);
    }

  private:
    std::uint64_t base_;
    std::vector<std::vector<std::uint32_t>> permutations_;
};

// -------------------------------------------------------------------------------------------------- Latin hypercubes

void fill_hypercube(Array2& points, math::RandomStream& random) {
    std::vector<std::size_t> cell(points.rows);
    for (std::size_t j = 0; j < points.columns; ++j) {
        std::iota(cell.begin(), cell.end(), std::size_t{0});
        for (std::size_t s = points.rows; s > 1; --s) std::swap(cell[s - 1], cell[random.next_index(s)]);
        for (std::size_t s = 0; s < points.rows; ++s) {
            const double u = (static_cast<double>(cell[s]) + random.next_uniform()) / static_cast<double>(points.rows);
            points(s, j) = std::min(u, below_one);
        }
    }
}

// Square of the distance between the two nearest points.
double nearest_distance(const Array2& points) {
    double nearest = std::numeric_limits<double>::infinity();
    for (std::size_t a = 1; a < points.rows; ++a) {
        for (std::size_t b = 0; b < a; ++b) {
            double square = 0;
            for (std::size_t j = 0; j < points.columns; ++j) {
                const double difference = points(a, j) - points(b, j);
                square += difference * difference;
            }
            nearest = std::min(nearest, square);
        }
    }
    return nearest;
}

// Makes block after block when a point of it is asked for, and keeps the last one.
class Hypercubes {
  public:
    Hypercubes(std::size_t dimension, std::size_t block, std::uint64_t seed, std::size_t candidates)
        : seed_(seed), candidates_(candidates), points_(block, dimension), block_(block) {}

    void operator()(std::uint64_t k, std::span<double> point) {
        if (!made_ || k / block_ != number_) make(k / block_);
        std::ranges::copy(points_.row(k % block_), point.begin());
    }

  private:
    void make(std::uint64_t number) {
        math::RandomStream random(seed_, hypercube_streams + number);
        double farthest = -1;
        for (std::size_t c = 0; c < candidates_; ++c) {
            Array2 candidate(block_, points_.columns);
            fill_hypercube(candidate, random);
            const double distance = candidates_ == 1 ? 0 : nearest_distance(candidate);
            if (distance > farthest) {
                farthest = distance;
                points_ = std::move(candidate);
            }
        }
        number_ = number;
        made_ = true;
    }

    std::uint64_t seed_;
    std::size_t candidates_;
    Array2 points_;  // of block number_
    std::size_t block_;
    std::uint64_t number_ = 0;
    bool made_ = false;
};

// -------------------------------------------------------------------------------------------------------- searches

class DesignSearch final : public Optimizer {
  public:
    DesignSearch(std::string name, Design design)
        : Optimizer(design.dimension), name_(std::move(name)), design_(std::move(design)) {}

    [[nodiscard]] std::string name() const override { return name_; }

  protected:
    void propose(std::uint64_t first_id, Array2& points) override {
        for (std::size_t r = 0; r < points.rows; ++r) design_.point(first_id + r, points.row(r));
    }
    void learn(std::span<const Told> /*told*/) override {}

  private:
    std::string name_;
    Design design_;
};

template <class Options, class Make>
OptimizerChoice search(const std::string& name, const Options& options, Make make) {
    const std::string settings = describe_options(options);
    return {settings.empty() ? name : name + ": " + settings,
            [name, make](const SearchSetting& setting) -> std::unique_ptr<Optimizer> {
                return std::make_unique<DesignSearch>(name, make(setting));
            }};
}

std::size_t block_of(const LatinHypercubeOptions& options, const SearchSetting& setting) {
    if (options.block != 0) return options.block;
    if (setting.budget() != 0) return setting.budget();
    return setting.batch != 0 ? setting.batch : 100;
}

}  // namespace

Array2 Design::points(std::uint64_t first, std::size_t n) const {
    Array2 result(n, dimension);
    for (std::size_t r = 0; r < n; ++r) point(first + r, result.row(r));
    return result;
}

Design random_design(std::size_t dimension, std::uint64_t seed) {
    require_dimension(dimension);
    return {dimension, [dimension, seed](std::uint64_t k, std::span<double> point) {
                math::RandomStream random(seed, random_stream);
                random.set_position(k * dimension);
                for (double& u : point) u = random.next_uniform();
            }};
}

Design sobol_design(std::size_t dimension, std::uint64_t seed, bool scrambled) {
    require_dimension(dimension);
    math::RandomStream random(seed, sobol_stream);
    std::vector<SobolCoordinate> coordinates;
    for (std::size_t j = 0; j < std::min(dimension, sobol_dimensions); ++j) {
        coordinates.emplace_back(j, scrambled ? random_key(random) | 1 : 0);
    }
    std::vector<HaltonCoordinate> further;
    if (dimension > sobol_dimensions) {
        const auto primes = first_primes(dimension - sobol_dimensions + 1);  // 2 is the base of Sobol's
        for (const std::uint64_t base : std::span(primes).subspan(1)) {
            further.push_back(scrambled ? HaltonCoordinate(base, random) : HaltonCoordinate(base));
        }
    }
    return {dimension, [coordinates, further](std::uint64_t k, std::span<double> point) {
                for (std::size_t j = 0; j < coordinates.size(); ++j) point[j] = coordinates[j](k);
                for (std::size_t j = 0; j < further.size(); ++j) point[coordinates.size() + j] = further[j](k);
            }};
}

Design halton_design(std::size_t dimension, std::uint64_t seed, bool scrambled) {
    require_dimension(dimension);
    math::RandomStream random(seed, halton_stream);
    std::vector<HaltonCoordinate> coordinates;
    for (const std::uint64_t base : first_primes(dimension)) {
        coordinates.push_back(scrambled ? HaltonCoordinate(base, random) : HaltonCoordinate(base));
    }
    return {dimension, [coordinates](std::uint64_t k, std::span<double> point) {
                for (std::size_t j = 0; j < coordinates.size(); ++j) point[j] = coordinates[j](k);
            }};
}

Design latin_hypercube_design(std::size_t dimension, std::size_t block, std::uint64_t seed) {
    return maximin_design(dimension, block, seed, 1);
}

Design maximin_design(std::size_t dimension, std::size_t block, std::uint64_t seed, std::size_t candidates) {
    require_dimension(dimension);
    if (block == 0) throw ConfigError("a Latin hypercube needs at least one point");
    if (candidates == 0) throw ConfigError("a maximin design needs at least one candidate");
    return {dimension, Hypercubes(dimension, block, seed, candidates)};
}

OptimizerChoice random_search(RandomSearchOptions options) {
    return search("random_search", options,
                  [](const SearchSetting& setting) { return random_design(setting.dimension, setting.seed); });
}

OptimizerChoice latin_hypercube_search(LatinHypercubeOptions options) {
    return search("latin_hypercube", options, [options](const SearchSetting& setting) {
        // comparing all pairs of a very long search would take longer than the search
        constexpr std::size_t longest = 1000;
        std::size_t block = block_of(options, setting);
        if (options.block == 0 && options.maximin) block = std::min(block, longest);
        return maximin_design(setting.dimension, block, setting.seed, options.maximin ? 50 : 1);
    });
}

OptimizerChoice sobol_search(SobolOptions options) {
    return search("sobol", options, [options](const SearchSetting& setting) {
        return sobol_design(setting.dimension, setting.seed, options.scrambled);
    });
}

OptimizerChoice halton_search(HaltonOptions options) {
    return search("halton", options, [options](const SearchSetting& setting) {
        return halton_design(setting.dimension, setting.seed, options.scrambled);
    });
}

void visit_fields(OptionVisitor& /*visit*/, RandomSearchOptions& /*options*/) {}

void visit_fields(OptionVisitor& visit, LatinHypercubeOptions& options) {
    visit.count("block", options.block);
    visit.flag("maximin", options.maximin);
}

void visit_fields(OptionVisitor& visit, SobolOptions& options) {
    visit.flag("scrambled", options.scrambled);
}

void visit_fields(OptionVisitor& visit, HaltonOptions& options) {
    visit.flag("scrambled", options.scrambled);
}

}  // namespace spikesmith
