#include "spikesmith/optimize/option_fields.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {

namespace {

constexpr double largest_count = 1e9;

class Lister final : public OptionVisitor {
  public:
    explicit Lister(std::vector<OptionInfo>& list) : list_(list) {}
    void flag(std::string_view name, bool& value) override {
        list_.push_back({std::string(name), "true or false", value ? "true" : "false"});
    }
    void real(std::string_view name, double& value) override {
        list_.push_back({std::string(name), "number", fmt::format("{}", value)});
    }
    void real(std::string_view name, std::optional<double>& value) override {
        list_.push_back({std::string(name), "number", value ? fmt::format("{}", *value) : "automatic"});
    }
    void count(std::string_view name, std::size_t& value) override {
        list_.push_back({std::string(name), "whole number", fmt::format("{}", value)});
    }

  protected:
    void word(std::string_view name, std::size_t& index, std::span<const std::string_view> words) override {
        list_.push_back({std::string(name), fmt::format("`{}`", fmt::join(words, "`, `")), std::string(words[index])});
    }

  private:
    std::vector<OptionInfo>& list_;
};

class Setter final : public OptionVisitor {
  public:
    Setter(std::string_view name, const OptionValue& value) : name_(name), value_(value) {}
    void flag(std::string_view name, bool& value) override {
        if (found(name)) value = get<bool>("true or false");
    }
    void real(std::string_view name, double& value) override {
        if (found(name)) value = number();
    }
    void real(std::string_view name, std::optional<double>& value) override {
        if (found(name)) value = number();
    }
    void count(std::string_view name, std::size_t& value) override {
        if (!found(name)) return;
        const double given = get<double>("a whole number");
        if (given != std::floor(given) || given < 0 || given > largest_count) {
            throw ConfigError(
                fmt::format("`{}` must be a whole number from 0 to {:g}, not {:g}", name_, largest_count, given));
        }
        value = static_cast<std::size_t>(given);
    }

    std::vector<std::string> names;
    bool done = false;

  protected:
    void word(std::string_view name, std::size_t& index, std::span<const std::string_view> words) override {
        if (!found(name)) return;
        const auto& given = get<std::string>("a word");
        const auto match = std::ranges::find(words, given);
        if (match == words.end()) {
            const std::string hint = did_you_mean(given, {words.begin(), words.end()});
            throw ConfigError(fmt::format("`{}` cannot be `{}`", name_, given),
                              hint.empty() ? fmt::format("one of `{}`", fmt::join(words, "`, `")) : hint);
        }
        index = static_cast<std::size_t>(match - words.begin());
    }

  private:
    bool found(std::string_view name) {
        names.emplace_back(name);
        if (name != name_) return false;
        done = true;
        return true;
    }
    double number() const {
        const auto given = get<double>("a number");
        if (!std::isfinite(given)) throw ConfigError(fmt::format("`{}` must be finite", name_));
        return given;
    }
    template <class Type>
    const Type& get(std::string_view what) const {
        if (const auto* value = std::get_if<Type>(&value_)) return *value;
        throw ConfigError(fmt::format("`{}` must be {}", name_, what));
    }

    std::string_view name_;
    const OptionValue& value_;
};

}  // namespace

void set_visited_option(const VisitOptions& visit, std::string_view name, const OptionValue& value) {
    Setter setter(name, value);
    visit(setter);
    if (setter.done) return;
    const std::string hint = did_you_mean(name, setter.names);
    throw ConfigError(fmt::format("there is no option `{}`", name),
                      hint.empty() ? fmt::format("the options are: {}", fmt::join(setter.names, ", ")) : hint);
}

std::vector<OptionInfo> list_visited_options(const VisitOptions& visit) {
    std::vector<OptionInfo> list;
    Lister lister(list);
    visit(lister);
    return list;
}

}  // namespace spikesmith
