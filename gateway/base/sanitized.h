/*
 * sanitized: is this a build with a sanitizer?  One reserves terabytes of
 * addresses, needs larger stacks and handles signals of its own.
 */
#ifndef BASE_SANITIZED_H
#define BASE_SANITIZED_H

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
	__has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED true
#else
#define IS_SANITIZED false
#endif

#endif
