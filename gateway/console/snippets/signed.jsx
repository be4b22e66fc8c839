'use client';

// SupportButton.jsx. The line above is for Next; Vite says that it ignores it.
// Types of window.Usher, for TypeScript: @types@
import React, { useEffect } from 'react';

const SCRIPT = '@script@';
const INTEGRITY = '@integrity@';
const SIGN_URL = '@sign@'; // your server's, on this page's own origin

// A script that could not be loaded goes, so that another try may follow.
function load() {
    if (document.querySelector(`script[src="${SCRIPT}"]`)) return;
    const script = document.createElement('script');
    script.src = SCRIPT;
    script.integrity = INTEGRITY;
    script.crossOrigin = 'anonymous';
    script.dataset.tenant = '@tenant@';
    script.onerror = () => script.remove();
    document.head.appendChild(script);
}

// Whose support it is only your server says. loginUrl: where guests go.
export default function SupportButton({ loginUrl = '/login', children = 'Contact support' }) {
    useEffect(load, []);

    const contactSupport = (event) => {
        if (!window.Usher) return; // not there yet, or not at all: the form goes by itself
        event.preventDefault();
        window.Usher.contactSupport({ event, tenant: '@tenant@', signUrl: SIGN_URL, loginUrl, title: @title-js@ })
            .catch(() => {}); // the console and the new tab say it
    };

    return (
        <form method="post" action={SIGN_URL} target="_blank" onSubmit={contactSupport}>
            <button>{children}</button>
        </form>
    );
}
