'use client';

import SupportButton from './SupportButton';

export default function Guest({ user }) {
	return <SupportButton user={user} onSignIn={() => { window.asked = (window.asked ?? 0) + 1; }} />;
}
