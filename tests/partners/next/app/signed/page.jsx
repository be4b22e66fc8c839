// Says nothing of who is there: that is asked at the click.
import SignedButton from '../SignedButton';

export default function Page() {
	return <SignedButton />;
}
