# find_package(audithooks CONFIG REQUIRED) gives the target audithooks::audithooks, which
# has the folder of audithooks.h. There is nothing to link: a client finds the functions
# at run time. `python -m audithooks --cmakedir` prints the folder of this file.

get_filename_component(audithooks_INCLUDE_DIRS "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

if(NOT TARGET audithooks::audithooks)
  add_library(audithooks::audithooks INTERFACE IMPORTED)
  set_target_properties(audithooks::audithooks PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${audithooks_INCLUDE_DIRS}")
endif()
