#include "http/chunks.h"

#include "base/num.h"
#include "base/str.h"

static enum chunks_state on_size(struct chunks *chunks, char c)
{
	int digit = num_hex(c);

	if (digit < 0 && !chunks->digits)
		return CHUNKS_BAD;
	if (c == ';') {
		chunks->has_extension = true;
		return CHUNKS_EXTENSION;
	}
	if (c == '\r')
		return CHUNKS_SIZE_LF;
	if (digit < 0 || chunks->digits == CHUNKS_DIGITS_MAX)
		return CHUNKS_BAD;
	chunks->digits++;
	chunks->left = chunks->left * 16 + (unsigned)digit;
	return CHUNKS_SIZE;
}

/* In a line, up to its CR. */
static enum chunks_state on_text(struct chunks *chunks, char c,
				 enum chunks_state after)
{
	if (c == '\r') {
		chunks->text = 0;
		return after;
	}
	if ((ascii_is_control(c) && c != '\t') ||
	    ++chunks->text > CHUNKS_TEXT_MAX)
		return CHUNKS_BAD;
	return chunks->state;
}

static enum chunks_state on_line(char c)
{
	if (c == '\r')
		return CHUNKS_END_LF;
	return ascii_is_token(c) ? CHUNKS_TRAILER : CHUNKS_BAD;
}

static enum chunks_state on_octet(struct chunks *chunks, char c)
{
	bool is_lf = c == '\n';

	switch (chunks->state) {
	case CHUNKS_SIZE:
		return on_size(chunks, c);
	case CHUNKS_EXTENSION:
		return on_text(chunks, c, CHUNKS_SIZE_LF);
	case CHUNKS_SIZE_LF:
		if (!is_lf)
			return CHUNKS_BAD;
		chunks->digits = 0;
		return chunks->left ? CHUNKS_DATA : CHUNKS_LINE;
	case CHUNKS_DATA_CR:
		return c == '\r' ? CHUNKS_DATA_LF : CHUNKS_BAD;
	case CHUNKS_DATA_LF:
		return is_lf ? CHUNKS_SIZE : CHUNKS_BAD;
	case CHUNKS_LINE:
		return on_line(c);
	case CHUNKS_TRAILER:
		return on_text(chunks, c, CHUNKS_TRAILER_LF);
	case CHUNKS_TRAILER_LF:
		return is_lf ? CHUNKS_LINE : CHUNKS_BAD;
	case CHUNKS_END_LF:
		return is_lf ? CHUNKS_DONE : CHUNKS_BAD;
	default:
		return chunks->state;
	}
}

void chunks_feed(struct chunks *chunks, const char *data, size_t len)
{
	size_t i = 0;

	while (i < len && chunks->state < CHUNKS_DONE) {
		size_t n = len - i;

		if (chunks->state != CHUNKS_DATA) {
			chunks->state = on_octet(chunks, data[i++]);
			continue;
		}
		if (n > chunks->left)
			n = (size_t)chunks->left;
		chunks->left -= n;
		i += n;
		if (!chunks->left)
			chunks->state = CHUNKS_DATA_CR;
	}
}
