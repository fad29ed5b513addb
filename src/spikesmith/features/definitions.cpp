#include "spikesmith/features/definitions.hpp"

namespace spikesmith {

Missing at_indices(const FeatureInputs& in, Values& values) {
    for (const double i : in[1]) values.push_back(in[0][index(i)]);
    return Missing::none;
}

Missing same_values(const FeatureInputs& in, Values& values) {
    values.assign(in[0].begin(), in[0].end());
    return Missing::none;
}

Missing last_element(const FeatureInputs& in, Values& values) {
    return one(values, in[0].back());
}

FeatureFunction element(std::size_t k, Missing otherwise) {
    return [k, otherwise](const FeatureInputs& in, Values& values) {
        return k < in[0].size() ? one(values, in[0][k]) : otherwise;
    };
}

Missing minus_number(const FeatureInputs& in, Values& values) {
    for (const double value : in[0]) values.push_back(value - in.number(1));
    return Missing::none;
}

Missing mean_value(const FeatureInputs& in, Values& values) {
    return one(values, mean_of(in[0]));
}

Missing second_minus_first(const FeatureInputs& in, Values& values) {
    return in[0].size() < 2 ? Missing::too_few_values : one(values, in[0][1] - in[0][0]);
}

Missing differences(const FeatureInputs& in, Values& values) {
    for (std::size_t k = 1; k < in[0].size(); ++k) values.push_back(in[0][k] - in[0][k - 1]);
    return values.empty() ? Missing::too_few_values : Missing::none;
}

Missing relative_changes(const FeatureInputs& in, Values& values) {
    for (std::size_t k = 1; k < in[0].size(); ++k) values.push_back((in[0][k] - in[0][0]) / in[0][0]);
    return values.empty() ? Missing::too_few_values : Missing::none;
}

std::size_t index_of_minimum(std::span<const double> series, std::size_t begin, std::size_t end) {
    if (begin >= end) return end;
    std::size_t best = begin;
    for (std::size_t i = begin + 1; i < end; ++i) {
        if (series[i] < series[best]) best = i;
    }
    return best;
}

std::size_t index_of_maximum(std::span<const double> series, std::size_t begin, std::size_t end) {
    if (begin >= end) return end;
    std::size_t best = begin;
    for (std::size_t i = begin + 1; i < end; ++i) {
        if (series[i] > series[best]) best = i;
    }
    return best;
}

std::size_t first_minimum(std::span<const double> series, std::size_t begin, std::size_t end) {
    if (begin >= end) return end;
    std::size_t minimum = begin;
    int without = 0;
    for (std::size_t k = begin + 1; k < end; ++k) {
        if (series[k] < series[minimum]) {
            minimum = k;
            without = 0;
        } else if (++without == 2) {
            return minimum;
        }
    }
    return minimum;
}

}  // namespace spikesmith
