#define GARBAGE
#include "longer.c"
