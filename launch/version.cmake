# What `larkspur --version` says, as this configuring found it. The commit is that of the last configuring.
set(commit unknown)
find_package(Git QUIET)
if(GIT_FOUND)
  execute_process(COMMAND ${GIT_EXECUTABLE} -C ${PROJECT_SOURCE_DIR} rev-parse --short=12 HEAD
    OUTPUT_VARIABLE found RESULT_VARIABLE failed OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(NOT failed)
    set(commit ${found})
  endif()
endif()

# The value of "#define NAME value" in a header, without quotes; empty where it is not there.
function(larkspur_defined_in header name result)
  set(value "")
  if(EXISTS "${header}")
    file(STRINGS "${header}" line REGEX "^#define[ \t]+${name}[ \t]" LIMIT_COUNT 1)
    string(REGEX REPLACE "^#define[ \t]+${name}[ \t]+\"?([^\" \t]*).*" "\\1" value "${line}")
  endif()
  set(${result} "${value}" PARENT_SCOPE)
endfunction()

# What a library's header says of its version; empty where we are built without it (no such target).
function(larkspur_version_of target header name result)
  set(version "")
  if(TARGET ${target})
    larkspur_defined_in("${header}" ${name} version)
    if(version STREQUAL "")
      set(version "a version that does not tell itself")
    endif()
  endif()
  set(${result} "${version}" PARENT_SCOPE)
endfunction()

set(mpi "")
if(TARGET MPI::MPI_C)
  set(mpi "MPI of another maker than OpenMPI")
  get_target_property(folders MPI::MPI_C INTERFACE_INCLUDE_DIRECTORIES)
  foreach(folder ${folders})
    larkspur_defined_in(${folder}/mpi.h OMPI_MAJOR_VERSION major)
    larkspur_defined_in(${folder}/mpi.h OMPI_MINOR_VERSION minor)
    larkspur_defined_in(${folder}/mpi.h OMPI_RELEASE_VERSION release)
    if(NOT major STREQUAL "")
      set(mpi ${major}.${minor}.${release})
    endif()
  endforeach()
endif()

set(ffmpeg "")
if(TARGET PkgConfig::FFMPEG)
  set(ffmpeg "libavcodec ${FFMPEG_libavcodec_VERSION}, libavformat ${FFMPEG_libavformat_VERSION}")
endif()

larkspur_version_of(larkspur_pcl "${PCL_INCLUDE}/pcl/pcl_config.h" PCL_VERSION_PRETTY pcl)
larkspur_version_of(larkspur_hdf5 "${HDF5_INCLUDE}/H5pubconf.h" H5_VERSION hdf5)

set(cuda "")
if(TARGET larkspur_cuda)
  set(cuda "toolkit ${CMAKE_CUDA_COMPILER_VERSION}, loaded where there is a GPU")
endif()

set_source_files_properties(verbs/version.cpp PROPERTIES
  SKIP_UNITY_BUILD_INCLUSION ON  # another commit compiles this file alone
  COMPILE_DEFINITIONS "LARKSPUR_VERSION=\"${PROJECT_VERSION}\";LARKSPUR_COMMIT=\"${commit}\";LARKSPUR_MPI_FOUND=\"${mpi}\";LARKSPUR_FFMPEG_FOUND=\"${ffmpeg}\";LARKSPUR_PCL_FOUND=\"${pcl}\";LARKSPUR_HDF5_FOUND=\"${hdf5}\";LARKSPUR_CUDA_FOUND=\"${cuda}\"")
