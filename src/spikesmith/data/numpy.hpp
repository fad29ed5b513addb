// NumPy's files: one array (.npy, format versions 1 to 3) or several by name (.npz, a ZIP archive of .npy).
//
// Read are booleans, all integers, float32 and float64 of either byte order, in C or Fortran order, of any rank. All become doubles
// (integers beyond 2**53 are rounded). Not read: objects (pickles), complex numbers, text, structures; encrypted or split archives.
// Source: NumPy Enhancement Proposal 1 and `numpy.lib.format`; PKWARE APPNOTE 6.3 for ZIP with the ZIP64 extensions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/core/error.hpp"

namespace spikesmith {

struct NpyArray {
    std::vector<std::size_t> shape;  // empty for a scalar
    std::vector<double> values;      // in C order: the last index runs fastest
};

[[nodiscard]] NpyArray to_npy(const Array2& array);
// A vector becomes one row. Throws DataError for ranks other than 1 and 2; `source_name` is what errors call the array.
[[nodiscard]] Array2 to_array2(const NpyArray& array, std::string_view source_name);

// The bytes of a .npy file. Throws DataError: truncated, bytes left over, an impossible header, a type that is not read.
[[nodiscard]] NpyArray parse_npy(std::string_view bytes, std::string_view source_name);
[[nodiscard]] NpyArray read_npy(const std::filesystem::path& path);

// Version 1, float64, little endian, C order; the same bytes on every machine.
[[nodiscard]] std::string format_npy(const NpyArray& array);
void write_npy(const std::filesystem::path& path, const NpyArray& array);

// The arrays of a .npz file. They are unpacked (and their checksums verified) one by one on demand, so that an array of a type
// that is not read does not keep the others from being read.
class NpzArchive {
  public:
    // Throws DataError if the directory of the archive is damaged.
    NpzArchive(std::string bytes, std::string source_name);

    [[nodiscard]] const std::vector<std::string>& names() const {
        return names_;
    }  // in the order of the file, without ".npy"

    // Throws DataError: no such array (with the names that exist), damaged, a type that is not read.
    [[nodiscard]] NpyArray array(std::string_view name) const;

  private:
    struct Member {
        std::uint64_t offset = 0;  // of the local header
        std::uint64_t packed = 0;
        std::uint64_t unpacked = 0;
        std::uint32_t checksum = 0;
        std::uint16_t method = 0;
        std::uint16_t flags = 0;
    };

    std::string bytes_;
    std::string source_name_;
    std::vector<std::string> names_;
    std::vector<Member> members_;  // as `names_`
};

[[nodiscard]] NpzArchive read_npz(const std::filesystem::path& path);

// Deflated, without time stamps: the same arrays give the same bytes. Throws DataError for empty or repeated names and for
// members of 4 GiB or more.
using NamedArrays = std::vector<std::pair<std::string, NpyArray>>;
[[nodiscard]] std::string format_npz(const NamedArrays& arrays);
void write_npz(const std::filesystem::path& path, const NamedArrays& arrays);

}  // namespace spikesmith
