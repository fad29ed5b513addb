// The recordings in tests/data/features, with the numbers that the established tool computes from them.
#pragma once

#include <cmath>
#include <fstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "spikesmith/data/numpy.hpp"
#include "spikesmith/features/features.hpp"

namespace spikesmith::testing_features {

inline std::string data_folder() {
    return std::string(SPIKESMITH_TEST_DATA) + "/features/";
}

inline nlohmann::json read_json(const std::string& name) {
    std::ifstream file(data_folder() + name);
    return nlohmann::json::parse(file);
}

inline std::vector<double> read_array(const std::string& file, const std::string& name) {
    return to_array2(read_npz(data_folder() + file + ".npz").array(name), file).values;
}

// Empty for null, an empty array, and values none of which is a number.
inline std::vector<double> reference_values(const nlohmann::json& reference) {
    std::vector<double> values;
    bool finite = false;
    if (reference.is_array()) {
        for (const auto& value : reference) {
            values.push_back(value.is_number() ? value.get<double>() : std::nan(""));
            finite = finite || value.is_number();
        }
    } else if (reference.is_number()) {
        values.push_back(reference);
        finite = true;
    }
    return finite ? values : std::vector<double>{};
}

}  // namespace spikesmith::testing_features
