import React, { StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import SupportButton from './SupportButton.jsx';
import users from './users.json';

function Application() {
	const as = Number(new URLSearchParams(location.search).get('as'));
	const [user, setUser] = useState(users.find((one) => one.id === as) ?? null);

	return (
		<>
			<SupportButton user={user} onSignIn={() => { window.asked = (window.asked ?? 0) + 1; }} />
			<button id="out" onClick={() => setUser(null)}>Sign out</button>
		</>
	);
}

createRoot(document.getElementById('root')).render(<StrictMode><Application /></StrictMode>);
