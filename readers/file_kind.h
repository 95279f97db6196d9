// SPDX-License-Identifier: Apache-2.0
// The one table of file kinds, for training, evaluation, predictions and checks alike.
//
// In a folder a file's ending says whether it is a sample. A file that somebody names, on the
// command line or in a list, is judged by its first bytes; where those say nothing, by its ending.
// In every build, whatever libraries it has: one that cannot read a kind says so when it is opened.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace larkspur::readers {

enum class FileKind : std::uint8_t {
  kUnknown,
  kVideo,  ///< whatever FFmpeg opens
  kImage,  ///< .jpg, .jpeg, .png, through FFmpeg as well
  kOff,
  kObj,
  kPly,
  kPcd,
  kNpy,
  kText,     ///< .txt, .xyz: a point a line
  kMat,      ///< .mat: a volume of cells
  kPack,     ///< .h5, .hdf5: many clouds in one file; a list, no sample
  kForeign,  ///< a cloud, mesh or archive of a format we do not read; advice_on() tells the way out
};

/// Bytes from the start of a file that kind_of_bytes() looks at.
inline constexpr std::size_t kKindBytes = std::size_t{1} << 16;

/// ".mp4" of "A.MP4"; "" where there is none.
std::string lower_extension(const std::filesystem::path& path);

/// By its ending, in any case.
FileKind kind_of_name(const std::filesystem::path& path);

/// By the signature at the start of its bytes, of which the first kKindBytes are enough; kText
/// where the first line of content is three numbers or more. Never kVideo: FFmpeg tells those.
FileKind kind_of_bytes(std::string_view start);

/// By the bytes at its start, else by its ending.
FileKind kind_of(const std::filesystem::path& path, std::string_view start);

/// The same of a file; of one that cannot be read by its ending.
FileKind kind_of_file(const std::filesystem::path& path);

/// off, obj, ply, pcd, npy, text and mat.
bool is_cloud(FileKind kind) noexcept;

/// By the ending.
bool is_video_file(const std::filesystem::path& path);
bool is_cloud_file(const std::filesystem::path& path);
bool is_image_file(const std::filesystem::path& path);
bool is_pack_file(const std::filesystem::path& path);

/// Of a video, a picture or a cloud: what a list names.
bool has_sample_name(const std::filesystem::path& path);

/// What to do with a file of a kind that is not read, as the end of a message ("an STL mesh: save
/// it as .off or .ply"); "" where nothing is known of it.
std::string advice_on(const std::filesystem::path& path, std::string_view start);

/// The endings of clouds, ".off" first, as a message lists them.
std::string cloud_endings();

/// .git, ._chair.off, __MACOSX, lost+found and their like: no samples and no classes.
bool is_hidden(const std::string& name);

}  // namespace larkspur::readers
