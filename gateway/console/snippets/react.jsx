'use client';

// SupportButton.jsx. The line above is for Next; Vite says that it ignores it.
import React, { useEffect } from 'react';

const SCRIPT = '@script@';
const INTEGRITY = '@integrity@';

// The script's element; one that could not be loaded goes, so that another try
// may follow.
function load() {
    const there = document.querySelector(`script[src="${SCRIPT}"]`);
    if (there) return there;
    const script = document.createElement('script');
    script.src = SCRIPT;
    script.integrity = INTEGRITY;
    script.crossOrigin = 'anonymous';
    script.dataset.tenant = '@tenant@';
    script.onerror = () => script.remove();
    document.head.appendChild(script);
    return script;
}

// user: { email, name@assertion@ }, or null while nobody is signed in.
// onSignIn: called with the user at a click when support cannot know them:
// nobody is signed in, or without an address.
export default function SupportButton({ user, onSignIn, children = 'Contact support' }) {
    const isKnown = Boolean(user && user.email);

    useEffect(() => {
        const script = load();
        if (isKnown) return undefined;
        const forget = () => window.Usher && window.Usher.signOut();
        forget();
        script.addEventListener('load', forget);
        return () => script.removeEventListener('load', forget);
    }, [isKnown]);

    // Back, after a sign-out: who is there now?
    useEffect(() => {
        const ask = (event) => event.persisted && window.location.reload();
        window.addEventListener('pageshow', ask);
        return () => window.removeEventListener('pageshow', ask);
    }, []);

    if (!isKnown) return <button type="button" onClick={() => onSignIn && onSignIn(user)}>{children}</button>;

    const contactSupport = (event) => {
        if (!window.Usher) return; // not there yet, or not at all: the form goes by itself
        event.preventDefault();
        window.Usher.contactSupport({ tenant: '@tenant@', user, title: @title-js@ });
    };

    return (
        <form method="post" action="@action@" target="_blank"
            rel="noopener" acceptCharset="UTF-8" autoComplete="off" onSubmit={contactSupport}>
            <input type="hidden" name="email" value={user.email || ''} />
            <input type="hidden" name="name" value={user.name || ''} />
@assertion-jsx@
            <button>{children}</button>
        </form>
    );
}
