// A page of the server's, as the app router makes them: the button alone is the
// browser's.
import Guest from './guest';
import SupportButton from './SupportButton';
import users from './users.json';

export default function Page({ searchParams }) {
	const user = users.find((one) => one.id === Number(searchParams.as)) ?? null;

	return user && user.email ? <SupportButton user={{ email: user.email, name: user.name }} /> : <Guest user={user} />;
}
