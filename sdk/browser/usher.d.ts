/** The browser SDK of usher, as `usher.js` 1.1.0 puts it on `window`. */

/** Who is signed in on the partner's page. */
export interface UsherUser {
	/** Required, but where there is an assertion. */
	email?: string | null;
	name?: string | null;
	/** A JWT that the partner's server signed, for tenants that ask for one. */
	assertion?: string | null;
}

export type UsherField = string | number | boolean | null | undefined | object;

export interface UsherOptions {
	/** Default: the script tag's `data-tenant`. */
	tenant?: string;
	/** Default: where the script came from. */
	gateway?: string;
	/** Default: "form". */
	method?: 'form' | 'fetch' | 'embed';
	/** Default: `window.authUser`; where a page has none, what it stored. */
	user?: UsherUser | null;
	/** More fields, as the tenant's adapter takes them. */
	fields?: Record<string, UsherField>;
	/** Where the user goes once signed in. Default: the tenant's dashboard. */
	redirectUrl?: string;
	/**
	 * Where this page's own server signs who its user is: asked at the click, by a POST.
	 * Default: the script tag's `data-sign-url`.
	 */
	signUrl?: string;
	/** Where to go when nobody is signed in. */
	loginUrl?: string;
	/** Default: true. */
	newTab?: boolean;
	/** Of method "embed": the desk in the frame (default), or a tab. */
	mode?: 'frame' | 'tab';
	/** The element that the frame goes into, or a selector of it. */
	target?: string | Element;
	/** The frame's title. Default: "Support". */
	title?: string;
	/** Store the user under the keys of the integration guide. */
	remember?: boolean;
	/** The click, whose default is then prevented; its form's fields go to `signUrl`, too. */
	event?: { preventDefault(): void; target?: unknown };
	onready?: (result: UsherResult) => void;
	onerror?: (error: UsherError) => void;
	/** The user signed out inside the frame. */
	onsignout?: () => void;
}

export interface UsherResult {
	method: 'form' | 'fetch' | 'embed';
	mode?: 'frame' | 'tab';
	/** Of "fetch", and of mode "tab". */
	url?: string;
	/** Of mode "frame". */
	frame?: HTMLIFrameElement;
	/** Of mode "frame": takes the frame away. */
	close?: () => void;
}

/** What a promise is rejected with. */
export interface UsherError extends Error {
	code: string;
	/** What to do about it, for developers. */
	remedy?: string;
	/** The gateway's answer, where it gave one. */
	status?: number;
	body?: { message?: string; code?: string; [name: string]: unknown };
	/** Its request id, for `usherctl explain`. */
	request?: string | null;
	/** With 422: what is wrong, by field. */
	errors?: Record<string, string[]>;
	/** With 429: seconds. */
	retryAfter?: number;
}

/** What the server behind `signUrl` answers. */
export interface UsherAssertion {
	assertion: string;
	/** What goes along, for tenants that do not ask for proof yet. */
	email?: string;
	name?: string;
}

export interface UsherSDK {
	readonly version: string;
	contactSupport(options?: UsherOptions | Event): Promise<UsherResult>;
	/** Forgets the user, and ends the desk's session in frames of this page. */
	signOut(): Promise<void>;
}

declare global {
	interface Window {
		Usher: UsherSDK;
		authUser?: UsherUser | null;
	}
	const Usher: UsherSDK;
}
