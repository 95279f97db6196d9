# cmake --install build --prefix DIR: what runs without the build folder, found by relative paths, so that DIR may be moved
# or mounted elsewhere.
#
#   bin/larkspur   lib/liblarkspur.so   lib/liblarkspur_cuda.so      component program
#   share/larkspur/train.sbatch                                      component program
#   lib/larkspur/libtorch/{torch,nvidia}/...                         component libtorch: LibTorch as launch/setup unpacked it
#
# Packages of the system stay where they are: MPI, FFmpeg, HDF5, zlib, PCL's io library, spdlog, yaml-cpp, xxHash.
set(torch_home lib/larkspur/libtorch)
set(torch_path $ORIGIN/larkspur/libtorch/torch/lib)
set_target_properties(larkspur PROPERTIES INSTALL_RPATH "$ORIGIN/../lib;$ORIGIN/../${torch_home}/torch/lib")
set_target_properties(larkspur_library PROPERTIES INSTALL_RPATH "$ORIGIN;${torch_path}")
set(program larkspur larkspur_library)
if(TARGET larkspur_cuda)
  # CUDA and NCCL are in the process when it is loaded: libtorch_cuda.so brings those of its wheels.
  set_target_properties(larkspur_cuda PROPERTIES INSTALL_RPATH "$ORIGIN;${torch_path}")
  list(APPEND program larkspur_cuda)
endif()
install(TARGETS ${program} RUNTIME DESTINATION bin COMPONENT program LIBRARY DESTINATION lib COMPONENT program)
install(PROGRAMS ${CMAKE_CURRENT_LIST_DIR}/cluster/train.sbatch DESTINATION share/larkspur COMPONENT program)

# A gigabyte and more that nobody writes to: linked where the prefix is on the same file system, copied elsewhere.
install(CODE "
  set(from \"${LARKSPUR_LIBTORCH}\")
  set(to \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${torch_home}\")
  file(GLOB libraries RELATIVE \"\${from}\" \"\${from}/torch/lib/*.so*\" \"\${from}/nvidia/*/lib/*.so*\")
  foreach(library IN LISTS libraries)
    get_filename_component(folder \"\${to}/\${library}\" DIRECTORY)
    file(MAKE_DIRECTORY \"\${folder}\")
    file(CREATE_LINK \"\${from}/\${library}\" \"\${to}/\${library}\" COPY_ON_ERROR)
  endforeach()
  list(LENGTH libraries count)
  message(STATUS \"Installing: \${to} (\${count} libraries)\")" COMPONENT libtorch)
