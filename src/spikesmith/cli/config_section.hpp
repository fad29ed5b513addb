// Section: checked access to one table of a configuration. For `config.cpp` only.
//
// The keys a table may have are stated once, at construction, and every other key is an error there. Each getter checks the
// type and says in its error what was expected.
#pragma once

#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spikesmith/cli/config_values.hpp"
#include "spikesmith/cli/toml_value.hpp"

namespace spikesmith {

class Section {
  public:
    // `path` is the table's name for messages: "fit.metric", or "" for the file itself.
    Section(const TomlValue& table, std::string path, std::initializer_list<std::string_view> keys);
    Section(const TomlValue& table, std::string path, const std::vector<std::string_view>& keys);

    [[nodiscard]] const TomlValue* find(std::string_view key) const;
    // `example` is a line that would be right, shown as a hint.
    [[nodiscard]] const TomlValue& required(std::string_view key, std::string_view example) const;

    [[nodiscard]] const TomlValue* string(std::string_view key, std::string_view example) const;  // null if absent
    [[nodiscard]] std::string text_or(std::string_view key, std::string_view otherwise) const;
    [[nodiscard]] std::optional<std::int64_t> integer(std::string_view key, std::int64_t least,
                                                      std::int64_t most) const;
    [[nodiscard]] std::optional<double> positive(std::string_view key) const;
    [[nodiscard]] std::optional<bool> boolean(std::string_view key) const;
    [[nodiscard]] const TomlValue* table(std::string_view key) const;
    // A duration: "0.01 ms". Negative ones are refused; zero too unless `zero_allowed`.
    [[nodiscard]] std::optional<ConfigQuantity> duration(std::string_view key, bool zero_allowed) const;
    [[nodiscard]] std::vector<ConfigName> names(std::string_view key,
                                                std::string_view example) const;  // a string or an array of strings
    [[nodiscard]] std::size_t choice(std::string_view key, std::initializer_list<std::string_view> words,
                                     std::size_t otherwise) const;

    [[nodiscard]] const TomlValue& value() const { return table_; }
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    const TomlValue& table_;
    std::string path_;
};

// "[fit.metric]", or "the file" for an empty path.
[[nodiscard]] std::string section_title(std::string_view path);

[[noreturn]] void wrong_type(std::string_view key, std::string_view expected, const TomlValue& value,
                             std::string hint = {});

// A quantity from a string with unit or a plain number (dimensionless).
[[nodiscard]] ConfigQuantity read_quantity(const TomlValue& value, std::string_view key);

// A path, which starts from `folder` if it is relative.
[[nodiscard]] ConfigPath read_path(const TomlValue& value, std::string_view key, const std::filesystem::path& folder);

// A time >= 0, or > 0 unless `zero_allowed`. A plain 0 is a time.
[[nodiscard]] ConfigQuantity read_duration(const TomlValue& value, std::string_view key, bool zero_allowed);

}  // namespace spikesmith
